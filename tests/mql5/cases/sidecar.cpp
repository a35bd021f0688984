// Http.mqh, SidecarClient.mqh and MarketRange.mqh, over real sockets
#include "faulty.hpp"

namespace mql5::cases {

static int stamp = 0;
static std::string RangeBody(const std::string &value, const std::string &changed = "", const std::string &to = "") {
  std::string body = "{\"market_range\":" + value + ",\"timestamp\":\"2024-08-09T00:00:" + std::to_string(10 + stamp++) +
                     "Z\",\"source\":\"baseline\",\"symbol\":\"XAUUSD\",\"simulated\":false,\"age_ms\":300}";
  if (!changed.empty()) body.replace(body.find(changed), changed.size(), to);
  return body;
}
static std::string MetricsBody(const std::string &imbalance, const std::string &ready = "true") {
  return "{\"symbol\":\"XAUUSD\",\"timestamp\":\"2024-08-09T00:00:" + std::to_string(10 + stamp++) +
         "Z\",\"simulated\":false,\"age_ms\":300,\"volume_imbalance\":" + imbalance + ",\"ready\":" + ready + "}";
}

// The client as an expert uses it, on a sidecar that answers well.
struct Asking {
  FaultySidecar sidecar;
  program::CSidecarHttp http;
  program::CSidecarClient client;
  program::CMarketRange range;

  explicit Asking(bool accept_simulated = false, const char *token = "") {
    Open();
    Here().allowed_urls = {sidecar.url};
    sidecar.Answer("/market-range/simple", {200, RangeBody("1234.5")});
    sidecar.Answer("/orderflow/metrics", {200, MetricsBody("0.25")});
    sidecar.Answer("/health", {200, "{\"status\":\"ok\",\"reasons\":[],\"feeds\":[{\"venue\":\"x\"}]}"});
    sidecar.Answer("/halt", {200, "{\"halted\":false,\"reason\":\"\",\"since\":null,\"timestamp\":\"2024-08-09T00:00:00Z\"}"});
    program::SSidecarParameters asked;
    asked.symbol = string("XAUUSD");
    asked.horizon_s = 300;
    asked.cache_ms = 5000;
    asked.max_age_ms = 10'000;
    asked.max_range = 100'000;
    asked.accept_simulated = accept_simulated;
    http.Init(string(sidecar.url), string(token), 500, 30'000);
    client.Init(asked);
    range.Init(string("XAUUSD"), 15'000, 3'600'000);
  }
  // Asks everything that is due, as the timer does, and forgets no answer's age.
  void PollAll() {
    for (int at = 0; at < 8 && client.Poll(http); ++at) {
    }
  }
  void Later(long ms = 2500) {
    Pass(ms);
    PollAll();
  }
  program::SRange Read() { return range.Read(client, true); }
};

CASE("sidecar: a fresh range is used and says where it comes from") {
  Asking asking;
  EQUAL(asking.Read().source, program::RANGE_TRADITIONAL);
  HOLDS(asking.Read().detail.utf8(), "not asked yet");
  asking.PollAll();
  const auto range = asking.Read();
  EQUAL(range.source, program::RANGE_SIDECAR);
  EQUAL(range.points, 1234.5);
  EQUAL(range.age_ms, 300UL);
  HOLDS(range.detail.utf8(), "baseline");
  HOLDS(LastLog(), "range of the sidecar (baseline)");
  const auto seen = asking.sidecar.Seen("/market-range/simple");
  EQUAL(seen.size(), 1UL);
  HOLDS(seen[0], "symbol=XAUUSD&price=2000.00&point=0.01000000&horizon=300");
  double imbalance = 0;
  CHECK(asking.client.Imbalance(imbalance) && imbalance == 0.25);
  EQUAL(asking.client.Health(), string("ok"));
  CHECK(asking.client.HaltKnown() && !asking.client.Halted());
}

CASE("sidecar: one poll sends one request at most, and none before it is due") {
  Asking asking;
  CHECK(asking.client.Poll(asking.http));
  EQUAL(Here().requests.size(), 1UL);
  asking.PollAll();
  EQUAL(Here().requests.size(), 4UL);
  CHECK(!asking.client.Poll(asking.http));
  EQUAL(Here().requests.size(), 4UL);
  for (const auto &request : Here().requests) CHECK(request.timeout_ms <= 500);
}

CASE("sidecar: the token is sent as a bearer and appears in no log") {
  Asking asking(false, "s3cret-token");
  asking.PollAll();
  HOLDS(asking.sidecar.Seen("/market-range/simple")[0], "Authorization: Bearer s3cret-token\r\n");
  asking.sidecar.Answer("/market-range/simple", {401, "{\"error\":\"unauthorized\",\"reason\":\"send the header\"}"});
  asking.Later();
  asking.Read();
  EQUAL(Logged("s3cret"), 0);
}

CASE("sidecar: an answer that is no use gives the traditional range at once, and the reason") {
  struct Bad {
    Reply reply;
    std::string reason;
  };
  const std::vector<Bad> all = {
      {{503, "{\"error\":\"stale\",\"reason\":\"the newest second is 14.2 s old\"}"}, "HTTP 503: the newest second is 14.2 s old"},
      {{401, "{\"error\":\"unauthorized\",\"reason\":\"send the header\"}"}, "HTTP 401: send the header"},
      {{404, "not json"}, "HTTP 404"},
      {{500, ""}, "HTTP 500"},
      {{200, ""}, "malformed: not an object"},
      {{200, "{\"market_range\": 12x4, \"t\": "}, "malformed"},
      {{200, RangeBody("NaN")}, "malformed: a digit is missing"},
      {{200, RangeBody("\"77\"")}, "market_range is not a number"},
      {{200, RangeBody("null")}, "market_range is not a number"},
      {{200, RangeBody("1e308")}, "is not between 0 and 100000 points"},
      {{200, RangeBody("1e999")}, "market_range is not a number"},
      {{200, RangeBody("0")}, "is not between 0"},
      {{200, RangeBody("-5")}, "is not between 0"},
      {{200, RangeBody("9", "\"XAUUSD\"", "\"EURUSD\"")}, "the answer is for EURUSD, asked was XAUUSD"},
      {{200, RangeBody("9", "\"age_ms\":300", "\"age_ms\":10001")}, "stale: 10001 ms old"},
      {{200, RangeBody("9", "\"age_ms\":300", "\"age_ms\":-1")}, "does not say how old"},
      {{200, RangeBody("9", ",\"age_ms\":300", "")}, "does not say how old"},
      {{200, RangeBody("9", "\"timestamp\"", "\"stamp\"")}, "bears no timestamp"},
      {{200, RangeBody("9", "\"simulated\":false", "\"simulated\":true")}, "simulated data is not accepted"},
      {{200, RangeBody("9", "\"source\"", "\"origin\"")}, "does not name its source"},
      {{200, "{\"market_range\":1,\"x\":\"" + std::string(70'000, 'x') + "\"}"}, "is too long"},
  };
  for (const Bad &bad : all) {
    Asking asking;
    asking.PollAll();
    EQUAL(asking.Read().source, program::RANGE_SIDECAR);
    asking.sidecar.Answer("/market-range/simple", bad.reply);
    asking.Later();
    const auto range = asking.Read();
    EQUAL(range.source, program::RANGE_TRADITIONAL);
    EQUAL(range.points, 2800.0);
    HOLDS(range.detail.utf8(), bad.reason);
    HOLDS(LastLog(), "traditional range: ");
    HOLDS(LastLog(), bad.reason);
  }
}

CASE("sidecar: an answer cut short counts as none, and the last one serves until it is too old") {
  Asking asking;
  asking.PollAll();
  asking.sidecar.Answer("/", {200, RangeBody("99"), false, true});
  asking.sidecar.Answer("/market-range/simple", {200, RangeBody("99"), false, true});
  asking.sidecar.Answer("/halt", {200, "{}", false, true});
  asking.Later(3000);
  EQUAL(asking.Read().points, 1234.5);
  Pass(1999);
  EQUAL(asking.Read().points, 1234.5);
  Pass(1);
  EQUAL(asking.Read().source, program::RANGE_TRADITIONAL);
  HOLDS(asking.Read().detail.utf8(), "no answer");
}

CASE("sidecar: a chunked answer and letters outside ASCII are read") {
  Asking asking;
  asking.sidecar.Answer("/market-range/simple", {200, RangeBody("88.25", "\"age_ms\"", "\"note\":\"D\u1ef1 b\u00e1o\",\"age_ms\""), false, false, true});
  asking.PollAll();
  EQUAL(asking.Read().points, 88.25);
}

CASE("sidecar: killed, the traditional range serves within the cache period; back, it serves again by itself") {
  Asking asking;
  asking.PollAll();
  const std::string url = asking.sidecar.url;
  asking.sidecar.Stop();
  for (int at = 0; at < 20; ++at) asking.Later(250);
  EQUAL(asking.Read().source, program::RANGE_TRADITIONAL);
  HOLDS(asking.Read().detail.utf8(), "nothing listens at " + url);
  HOLDS(asking.client.Health().utf8(), "no answer");
  const auto sent = Here().requests.size();
  for (int at = 0; at < 4 * 60; ++at) asking.Later(250);
  CHECK(Here().requests.size() - sent < 10);  // it is left alone for longer and longer, up to its limit
  FaultySidecar back;
  back.Answer("/market-range/simple", {200, RangeBody("777")});
  back.Answer("/halt", {200, "{\"halted\":false}"});
  Here().allowed_urls = {back.url};
  // The same client finds the sidecar again: only the address of this test's second one differs.
  const std::string tail = back.url;
  asking.http.Init(string(tail), string(""), 500, 30'000);
  asking.Later(31'000);
  EQUAL(asking.Read().points, 777.0);
}

CASE("sidecar: after failures it recovers without a restart") {
  Asking asking;
  asking.sidecar.Answer("/market-range/simple", {500, ""});
  for (int at = 0; at < 40; ++at) asking.Later(250);
  EQUAL(asking.Read().source, program::RANGE_TRADITIONAL);
  const auto failing = asking.sidecar.Seen("/market-range/simple").size();
  CHECK(failing >= 3 && failing <= 6);  // 0, 2.5, 5 … seconds, not each time
  asking.sidecar.Answer("/market-range/simple", {200, RangeBody("555")});
  for (int at = 0; at < 21; ++at) asking.Later(250);
  EQUAL(asking.Read().points, 555.0);
  EQUAL(Logged("range of the sidecar"), 1);
}

CASE("sidecar: one that never answers blocks no longer than the time limit") {
  Asking asking;
  for (const char *path : {"/halt", "/market-range/simple", "/orderflow/metrics", "/health"}) asking.sidecar.Answer(path, {200, "", true});
  asking.PollAll();
  EQUAL(Here().requests.size(), 1UL);  // the next are not tried: it is away for all of them
  HOLDS(asking.Read().detail.utf8(), "no answer within 500 ms");
  EQUAL(Here().requests[0].timeout_ms, 500);
  asking.http.Init(string(asking.sidecar.url), string(""), 5000, 30'000);
  asking.client.Poll(asking.http);
  EQUAL(Here().requests.back().timeout_ms, 500);
}

CASE("sidecar: a value whose time stands still is not used, whatever its age claims") {
  Asking asking;
  const Reply frozen{200, RangeBody("42")};
  asking.sidecar.Answer("/market-range/simple", frozen);
  for (int at = 0; at < 4; ++at) asking.Later(2500);
  EQUAL(asking.Read().points, 42.0);
  for (int at = 0; at < 2; ++at) asking.Later(2500);
  EQUAL(asking.Read().source, program::RANGE_TRADITIONAL);
  HOLDS(asking.Read().detail.utf8(), "frozen: the timestamp has been");
}

CASE("sidecar: data that grows too old while it is kept is not used") {
  Asking asking;
  asking.sidecar.Answer("/market-range/simple", {200, RangeBody("42", "\"age_ms\":300", "\"age_ms\":9000")});
  asking.PollAll();
  Pass(1000);
  EQUAL(asking.Read().points, 42.0);
  Pass(1);
  EQUAL(asking.Read().source, program::RANGE_TRADITIONAL);
  HOLDS(asking.Read().detail.utf8(), "older than");
}

CASE("sidecar: simulated data is used only where it was asked for, and is labelled") {
  Asking asking(true);
  asking.sidecar.Answer("/market-range/simple", {200, RangeBody("9", "\"simulated\":false", "\"simulated\":true")});
  asking.PollAll();
  HOLDS(asking.Read().detail.utf8(), "SIMULATED");
}

CASE("sidecar: an imbalance that is not ready or out of bounds is not known") {
  for (const std::string &body : {MetricsBody("0.3", "false"), MetricsBody("1.5"), MetricsBody("null"), std::string("{}"),
                                  std::string("{\"ready\":true,\"volume_imbalance\":0.1,\"symbol\":\"EURUSD\"}")}) {
    Asking asking;
    asking.sidecar.Answer("/orderflow/metrics", {200, body});
    asking.PollAll();
    double imbalance = 7;
    CHECK(!asking.client.Imbalance(imbalance) && imbalance == 7);
    CHECK(StringLen(asking.client.ImbalanceProblem()) > 0);
  }
}

CASE("sidecar: a halt is read, also from one that is unhealthy") {
  Asking asking;
  asking.sidecar.Answer("/halt", {200, "{\"halted\":true,\"reason\":\"drill\"}"});
  asking.sidecar.Answer("/health", {503, "{\"status\":\"unhealthy\",\"reasons\":[\"no feed\"]}"});
  asking.PollAll();
  CHECK(asking.client.Halted());
  EQUAL(asking.client.HaltReason(), string("drill"));
  EQUAL(asking.client.Health(), string("unhealthy"));
  asking.sidecar.Answer("/halt", {200, "{\"halted\":true}"});
  asking.sidecar.Answer("/health", {200, "{\"stat\":1}"});
  asking.Later(6000);
  EQUAL(asking.client.HaltReason(), string("no reason told"));
  HOLDS(asking.client.Health().utf8(), "no status");
  asking.sidecar.Answer("/halt", {200, "{\"halted\":\"no\"}"});
  asking.Later(6000);
  CHECK(asking.client.Halted());  // what is no answer ends no halt
}

CASE("sidecar: failures of WebRequest are told apart") {
  Asking asking;
  Here().allowed_urls.clear();
  asking.PollAll();
  HOLDS(asking.Read().detail.utf8(), "WebRequest is not allowed: add " + asking.sidecar.url + " under Tools");
  Here().allowed_urls = {"http"};
  for (const auto &[url, reason] : std::vector<std::pair<std::string, std::string>>{
           {"https://127.0.0.1", "the address https://127.0.0.1 cannot be used"}, {"http://127.0.0.1:1", "nothing listens at http://127.0.0.1:1"}}) {
    asking.http.Init(string(url), string(""), 500, 30'000);
    Pass(5000);
    asking.PollAll();
    HOLDS(asking.Read().detail.utf8(), reason);
  }
  Here().old_build_codes = true;
  asking.http.Init(string("http://127.0.0.1:1"), string(""), 500, 30'000);
  Pass(5000);
  asking.PollAll();
  HOLDS(asking.Read().detail.utf8(), "nothing listens");
  string body;
  program::CSidecarHttp odd;
  odd.Init(string("ftp://x"), string(""), 500, 30'000);
  Here().allowed_urls = {};
  Here().old_build_codes = false;
  Here().allowed_urls = {"ftp"};
  EQUAL(odd.Get(string("/"), body), program::HTTP_NO_ANSWER);
}

CASE("sidecar: in the Strategy Tester nothing is asked") {
  Asking asking;
  Here().tester = true;
  for (int at = 0; at < 50; ++at) asking.Later(250);
  EQUAL(Here().requests.size(), 0UL);
  EQUAL(asking.Read().source, program::RANGE_TRADITIONAL);
  EQUAL(asking.range.Read(asking.client, false).detail, string("the sidecar is not asked"));
}

CASE("sidecar: a symbol with # is escaped in the address") {
  Asking asking;
  program::SSidecarParameters asked{string("#GOLD"), 0, 5000, 10'000, 1e6, false};
  asking.client.Init(asked);
  asking.PollAll();
  HOLDS(asking.sidecar.Seen("/orderflow/metrics")[0], "symbol=%23GOLD");
}

CASE("sidecar: addresses and tokens that cannot be are refused") {
  EQUAL(program::AddressProblem(string("http://127.0.0.1:8000")), string(""));
  for (const char *url : {"127.0.0.1", "", "http://x/", "http://x y", "ftp://x"}) CHECK(StringLen(program::AddressProblem(string(url))) > 0);
  EQUAL(program::TokenProblem(string("")), string(""));
  EQUAL(program::TokenProblem(string("abc-123")), string(""));
  for (const char *token : {"a b", "a\r\nX: y", "d\u1ef1"}) CHECK(StringLen(program::TokenProblem(string(token))) > 0);
}

}  // namespace mql5::cases
