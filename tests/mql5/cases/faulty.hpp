// A sidecar on loopback that answers what a case tells it to, also what no sidecar should.
#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

namespace mql5::cases {

struct Reply {
  int status = 200;
  std::string body;
  bool silent = false;   // takes the request and never answers
  bool truncated = false;  // promises more than it sends
  bool chunked = false;
};

class FaultySidecar {
 public:
  FaultySidecar() {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr *>(&address), size);
    listen(listener_, 16);
    getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~FaultySidecar() { Stop(); }
  FaultySidecar(const FaultySidecar &) = delete;

  std::string url;

  // The answer to every path that begins so, from now on.
  void Answer(const std::string &path, const Reply &reply) {
    const std::lock_guard guard(mutex_);
    replies_[path] = reply;
  }
  std::vector<std::string> Seen(const std::string &path) {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> found;
    for (const auto &request : seen_) {
      if (request.find(" " + path) != std::string::npos) found.push_back(request);
    }
    return found;
  }
  void Stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    for (const int held : held_) close(held);
  }

 private:
  int listener_ = -1;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
  std::mutex mutex_;
  std::map<std::string, Reply> replies_;
  std::vector<std::string> seen_;
  std::vector<int> held_;

  void Serve() {
    while (!stopping_) {
      const int client = accept(listener_, nullptr, nullptr);
      if (client < 0) continue;
      const std::string request = Receive(client);
      const Reply reply = Find(request);
      if (reply.silent) {
        held_.push_back(client);
        continue;
      }
      const std::string text = Encode(reply);
      send(client, text.data(), text.size(), MSG_NOSIGNAL);
      close(client);
    }
  }
  static std::string Receive(int client) {
    std::string request;
    char part[65'536];
    for (;;) {
      const auto count = recv(client, part, sizeof part, 0);
      if (count <= 0) return request;
      request.append(part, static_cast<std::size_t>(count));
      const auto end = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
      if (end != std::string::npos && request.size() >= end + 4 + std::strtoul(request.c_str() + length + 16, nullptr, 10)) return request;
    }
  }
  Reply Find(const std::string &request) {
    const std::lock_guard guard(mutex_);
    seen_.push_back(request);
    for (const auto &[path, reply] : replies_) {
      if (request.find(" " + path) != std::string::npos) return reply;
    }
    return {404, "{\"error\":\"http\",\"reason\":\"Not Found\"}"};
  }
  static std::string Encode(const Reply &reply) {
    const std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Told\r\nContent-Type: application/json\r\nConnection: close\r\n";
    if (!reply.chunked) return head + "Content-Length: " + std::to_string(reply.body.size() + (reply.truncated ? 50 : 0)) + "\r\n\r\n" + reply.body;
    const std::string first = reply.body.substr(0, 7), rest = reply.body.substr(7);
    std::ostringstream chunks;
    chunks << std::hex << first.size() << "\r\n" << first << "\r\n" << rest.size() << "\r\n" << rest << "\r\n0\r\n\r\n";
    return head + "Transfer-Encoding: chunked\r\n\r\n" + chunks.str();
  }
};

}  // namespace mql5::cases
