// WebRequest over a real socket: one request, one time limit from name to last byte.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "terminal.hpp"

namespace mql5 {

namespace {
using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::time_point since) { return std::chrono::duration<double, std::milli>(Clock::now() - since).count(); }

struct Failed {
  int error;
};

struct Address {
  std::string host, port, path;
};
Address Parse(const std::string &url) {
  constexpr std::size_t SCHEME = 7;
  if (url.compare(0, SCHEME, "http://") != 0) throw Failed{ERR_WEBREQUEST_INVALID_ADDRESS};
  const auto slash = url.find('/', SCHEME);
  const std::string host = url.substr(SCHEME, slash == std::string::npos ? slash : slash - SCHEME);
  const auto colon = host.rfind(':');
  return {host.substr(0, colon), colon == std::string::npos ? "80" : host.substr(colon + 1), slash == std::string::npos ? "/" : url.substr(slash)};
}

class Connection {
 public:
  Connection(const Address &address, int timeout_ms) : began_(Clock::now()), timeout_ms_(timeout_ms) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found) != 0 || !found) throw Failed{ERR_WEBREQUEST_INVALID_ADDRESS};
    socket_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int connected = connect(socket_, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (connected < 0) Wait(POLLOUT);
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) Fail(ERR_WEBREQUEST_CONNECT_FAILED);
  }
  Connection(const Connection &) = delete;
  ~Connection() { close(socket_); }

  void Send(const std::string &text) {
    for (std::size_t sent = 0; sent < text.size();) {
      Wait(POLLOUT);
      const auto count = send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (count < 0) Fail(ERR_WEBREQUEST_REQUEST_FAILED);
      sent += static_cast<std::size_t>(count);
    }
  }
  // Everything up to the end of the connection; we asked for one answer a connection.
  std::string Receive() {
    std::string received;
    for (char part[8192];;) {
      Wait(POLLIN);
      const auto count = recv(socket_, part, sizeof part, 0);
      if (count < 0) Fail(ERR_WEBREQUEST_REQUEST_FAILED);
      if (count == 0) return received;
      received.append(part, static_cast<std::size_t>(count));
    }
  }

 private:
  Clock::time_point began_;
  int timeout_ms_, socket_ = -1;

  void Wait(short event) {
    pollfd waited{socket_, event, 0};
    const int left = timeout_ms_ - static_cast<int>(Milliseconds(began_));
    if (left <= 0 || poll(&waited, 1, left) <= 0) Fail(ERR_WEBREQUEST_TIMEOUT);
  }
  [[noreturn]] void Fail(int error) {
    close(socket_);
    socket_ = -1;
    throw Failed{error};
  }
};

std::string Dechunked(const std::string &body) {
  std::string whole;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = body.find("\r\n", at);
    const auto size = static_cast<std::size_t>(std::strtoul(body.c_str() + at, nullptr, 16));
    if (end == std::string::npos || size == 0) break;
    whole += body.substr(end + 2, size);
    at = end + 2 + size + 2;
  }
  return whole;
}

struct Answer {
  int code = 0;
  std::string headers, body;
};
Answer Read(const std::string &received) {
  const auto end = received.find("\r\n\r\n");
  Answer answer;
  if (end == std::string::npos || std::sscanf(received.c_str(), "HTTP/%*s %d", &answer.code) != 1) throw Failed{ERR_WEBREQUEST_REQUEST_FAILED};
  answer.headers = received.substr(0, end + 2);
  answer.body = received.substr(end + 4);
  std::string lower = answer.headers;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const auto stated = lower.find("content-length:");
  if (stated != std::string::npos && answer.body.size() < std::strtoul(lower.c_str() + stated + 15, nullptr, 10)) throw Failed{ERR_WEBREQUEST_REQUEST_FAILED};
  if (lower.find("transfer-encoding: chunked") != std::string::npos) answer.body = Dechunked(answer.body);
  return answer;
}

Answer Exchange(const std::string &method, const std::string &url, const std::string &headers, int timeout_ms, const std::string &body) {
  const Address address = Parse(url);
  Connection connection(address, timeout_ms);
  connection.Send(method + " " + address.path + " HTTP/1.1\r\nHost: " + address.host + ":" + address.port + "\r\nConnection: close\r\n" + headers +
                  "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return Read(connection.Receive());
}

bool Allowed(const std::string &url) {
  const auto &urls = Here().allowed_urls;
  return std::any_of(urls.begin(), urls.end(), [&](const std::string &allowed) { return url.rfind(allowed, 0) == 0; });
}
}  // namespace

int WebRequest(const string &method, const string &url, const string &headers, int timeout_ms, const MqlArray<char> &data,
               MqlArray<char> &result, string &result_headers) {
  std::string body;
  for (int at = 0; at < data.Size(); ++at) body += data.Raw(at);
  SentRequest noted{method.utf8(), url.utf8(), headers.utf8(), body, timeout_ms, -1, 0};
  result.Resize(0);
  int error = ERR_FUNCTION_NOT_ALLOWED;
  const auto began = Clock::now();
  if (!Here().tester && Allowed(noted.url)) {
    try {
      const Answer answer = Exchange(noted.method, noted.url, noted.headers, timeout_ms, body);
      result.Resize(static_cast<int>(answer.body.size()));
      for (std::size_t at = 0; at < answer.body.size(); ++at) result.Raw(static_cast<int>(at)) = answer.body[at];
      result_headers = string(answer.headers);
      noted.code = answer.code;
      error = 0;
    } catch (const Failed &failed) {
      error = failed.error;
    }
  }
  noted.took_ms = Milliseconds(began);
  if (error && error != ERR_FUNCTION_NOT_ALLOWED && Here().old_build_codes) noted.code = error == ERR_WEBREQUEST_TIMEOUT ? 1003 : 1001;
  if (error) SetError(error);
  Here().requests.push_back(noted);
  return noted.code;
}

}  // namespace mql5
