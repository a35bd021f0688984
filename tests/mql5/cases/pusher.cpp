// TickPusher.mqh, over real sockets
#include "world.hpp"
#include "faulty.hpp"

namespace mql5::cases {

struct Pushing {
  FaultySidecar sidecar;
  program::CSidecarHttp http;
  program::CTickPusher pusher;
  Pushing() {
    Open();
    for (auto &[period, bars] : Gold().bars) bars.clear();
    Here().allowed_urls = {sidecar.url};
    sidecar.Answer("/mt5", {200, "{\"accepted\":1,\"sequence\":1,\"duplicate\":false}"});
    http.Init(string(sidecar.url), string(""), 500, 4000);
    pusher.Init(string("XAUUSD"), true, 4000);
  }
  std::vector<std::string> Bodies(const std::string &path = "/mt5/ticks") {
    std::vector<std::string> bodies;
    for (const auto &request : sidecar.Seen(path)) bodies.push_back(request.substr(request.find("\r\n\r\n") + 4));
    return bodies;
  }
  bool Flush() {
    pusher.Collect();
    return pusher.Flush(http);
  }
};

CASE("pusher: a batch says who, when and what") {
  Pushing pushing;
  Price(2000.5, 0.25, 123);
  CHECK(pushing.Flush());
  const std::string body = pushing.Bodies().at(0);
  const std::string time = std::to_string(Server().now_ms);
  HOLDS(body, "{\"source\":\"Sim-Demo\",\"session\":\"" + pushing.pusher.Session().utf8() + "\",\"sequence\":1,\"server_utc_offset_s\":7200,\"dropped\":0,"
              "\"symbols\":{\"XAUUSD\":{\"digits\":2,\"point\":0.01000000}},\"ticks\":[");
  HOLDS(body, "[\"XAUUSD\"," + time + ",2000.50,2000.75,0.00,0.00,6]]}");
  EQUAL(pushing.pusher.Sent(), 2L);
  EQUAL(pushing.pusher.Session().length(), 16);
  CHECK(body.find('\0') == std::string::npos);
}

CASE("pusher: every tick goes once, also those of one millisecond") {
  Pushing pushing;
  CHECK(pushing.Flush());
  for (int at = 0; at < 3; ++at) Price(2001 + at, 0.25, 0);
  CHECK(pushing.Flush());
  Price(2004, 0.25, 0);
  Price(2005, 0.25, 1);
  CHECK(pushing.Flush());
  CHECK(!pushing.Flush());
  EQUAL(pushing.pusher.Sent(), 6L);
  std::string all;
  for (const auto &body : pushing.Bodies()) all += body;
  for (int price = 2000; price <= 2005; ++price) {
    const std::string row = "," + std::to_string(price) + ".00,20";
    CHECK(all.find(row) != std::string::npos && all.find(row) == all.rfind(row));
  }
}

CASE("pusher: a batch without an answer is sent again unchanged, and counted once") {
  Pushing pushing;
  pushing.sidecar.Answer("/mt5", {500, ""});
  CHECK(pushing.Flush());
  Price(2001);
  CHECK(pushing.Flush());
  Pass(1000);
  CHECK(!pushing.Flush());  // the pause has doubled
  pushing.sidecar.Answer("/mt5", {200, "{}"});
  Pass(2000);
  CHECK(pushing.Flush());
  CHECK(pushing.Flush());
  const auto bodies = pushing.Bodies();
  EQUAL(bodies.size(), 4UL);
  EQUAL(bodies[0], bodies[1]);
  EQUAL(bodies[0], bodies[2]);
  HOLDS(bodies[3], "\"sequence\":2");
  EQUAL(pushing.pusher.Sent(), 2L);
  EQUAL(pushing.pusher.Problem(), string(""));
}

CASE("pusher: what will never be taken is dropped with its count and leaves a hole in the sequence") {
  for (const int status : {413, 422}) {
    Pushing pushing;
    pushing.sidecar.Answer("/mt5", {status, "{\"reason\":\"digits must be 0 to 10\"}"});
    CHECK(pushing.Flush());
    EQUAL(pushing.pusher.Dropped(), 1L);
    HOLDS(LastLog(), "ticks are not taken: HTTP " + std::to_string(status) + ": digits must be");
    pushing.sidecar.Answer("/mt5", {200, "{}"});
    Price(2001);
    Pass(1000);
    CHECK(pushing.Flush());
    HOLDS(pushing.Bodies()[1], "\"sequence\":2,\"server_utc_offset_s\":7200,\"dropped\":1");
    EQUAL(pushing.pusher.Dropped(), 0L);
  }
}

CASE("pusher: the queue is bounded and loses the oldest with a count") {
  Pushing pushing;
  pushing.http.Init(string("http://127.0.0.1:1"), string(""), 500, 4000);
  for (int at = 0; at < 5000; ++at) {
    Price(2000 + at % 100, 0.25, 1);
    if (at % 1000 == 0) pushing.pusher.Collect();
  }
  for (int at = 0; at < 4; ++at) pushing.pusher.Collect();
  EQUAL(pushing.pusher.Waiting(), PUSH_QUEUE);
  EQUAL(pushing.pusher.Dropped(), 1001L);
  pushing.http.Init(string(pushing.sidecar.url), string(""), 500, 4000);
  for (int at = 0; at < 12; ++at) pushing.Flush();
  EQUAL(pushing.pusher.Sent(), static_cast<long>(PUSH_QUEUE));
  HOLDS(pushing.Bodies()[0], "\"dropped\":1001");
  HOLDS(pushing.Bodies()[1], "\"dropped\":0");
  for (const auto &body : pushing.Bodies()) CHECK(body.size() < 65'536);
}

CASE("pusher: closed bars go once, the current one never") {
  Pushing pushing;
  Gold().bars[PERIOD_M15] = Flat(3, PERIOD_M15, 1998, 2002);
  Gold().bars[PERIOD_D1] = Flat(2, PERIOD_D1, 1990, 2010);
  for (int at = 0; at < 5; ++at) pushing.Flush();
  const auto bars = pushing.Bodies("/mt5/bars");
  EQUAL(bars.size(), 2UL);
  const long newest = Server().now_ms / 1000 / 900 * 900;
  HOLDS(bars[0], "\"bars\":[[\"XAUUSD\",\"M15\"," + std::to_string(newest - 1800) + ",2000.00,2002.00,1998.00,2000.00,100,20,0],[");
  CHECK(bars[0].find(std::to_string(newest) + ",") == std::string::npos);
  HOLDS(bars[1], "\"D1\"");
  Pass(15 * MINUTE_MS);
  Price(2001);
  for (int at = 0; at < 5; ++at) pushing.Flush();
  const auto later = pushing.Bodies("/mt5/bars");
  EQUAL(later.size(), 3UL);
  HOLDS(later[2], "[[\"XAUUSD\",\"M15\"," + std::to_string(newest) + ",");
  EQUAL(pushing.pusher.Sequence(), 1L + static_cast<long>(pushing.Bodies().size() + later.size()));
}

CASE("pusher: all four timeframes are pushed") {
  Pushing pushing;
  Worked();
  for (int at = 0; at < 8; ++at) pushing.Flush();
  std::string all;
  for (const auto &body : pushing.Bodies("/mt5/bars")) all += body;
  for (const char *name : {"\"M15\"", "\"H1\"", "\"H4\"", "\"D1\""}) HOLDS(all, name);
}

CASE("pusher: each start has a session of its own") {
  Pushing pushing;
  const string first = pushing.pusher.Session();
  Pass(1);
  pushing.pusher.Init(string("XAUUSD"), true, 4000);
  CHECK(pushing.pusher.Session() != first);
  EQUAL(pushing.pusher.Sequence(), 1L);
}

CASE("pusher: the server's offset is told in quarters of an hour, or not at all") {
  Pushing pushing;
  Here().utc_offset_s = -12'600 + 1;
  CHECK(pushing.Flush());
  HOLDS(pushing.Bodies()[0], "\"server_utc_offset_s\":-12600,");
  Here().utc_offset_s = Server().now_ms / 1000 + 10;  // the terminal has no time yet
  Price(2001);
  CHECK(pushing.Flush());
  HOLDS(pushing.Bodies()[1], "\"server_utc_offset_s\":null,");
}

CASE("pusher: switched off, or in the Strategy Tester, it takes and sends nothing") {
  Pushing pushing;
  pushing.pusher.Init(string("XAUUSD"), false, 4000);
  CHECK(!pushing.Flush());
  Here().tester = true;
  pushing.pusher.Init(string("XAUUSD"), true, 4000);
  CHECK(!pushing.Flush());
  EQUAL(pushing.pusher.Waiting(), 0);
  CHECK(Here().requests.empty());
}

}  // namespace mql5::cases
