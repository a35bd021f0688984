// AI_MarketRange.mqh in an Expert Advisor that knows nothing else of Trifecta
#include "faulty.hpp"
#include "world.hpp"

namespace mql5::cases {

static void Give(const std::string &name, const std::string &value) {
  InputTable table;
  program::RegisterInputs(table);
  table.Set(name, value);
}
static std::string Told(double range, int second) {
  return "{\"market_range\":" + std::to_string(range) + ",\"timestamp\":\"2024-08-09T00:00:" + std::to_string(10 + second) +
         "Z\",\"source\":\"baseline\",\"symbol\":\"XAUUSD\",\"simulated\":false,\"age_ms\":300}";
}
static void Prices(int count, long ms = 250) {
  for (int at = 0; at < count; ++at) {
    Price(2000, 0.2, ms);
    program::OnTick();
  }
}

CASE("drop-in: the sidecar's range is used, its own while there is none, and it comes back by itself") {
  FaultySidecar sidecar;
  Open();
  Here().allowed_urls = {sidecar.url};
  Give("AI_Url", sidecar.url);
  EQUAL(program::OnInit(), 0);
  Prices(5);
  EQUAL(program::g_range, 1000.0);
  HOLDS(LastLog(), "own range: HTTP 404");
  sidecar.Answer("/market-range/simple", {200, Told(1234.5, 1)});
  Prices(30);
  EQUAL(program::g_range, 1234.5);
  sidecar.Answer("/market-range/simple", {500, ""});
  Prices(30);
  EQUAL(program::g_range, 1000.0);
  sidecar.Answer("/market-range/simple", {200, Told(777, 2)});
  Prices(60);
  EQUAL(program::g_range, 777.0);
}

CASE("drop-in: a tick sends one request at most, and few in all") {
  FaultySidecar sidecar;
  Open();
  Here().allowed_urls = {sidecar.url};
  Give("AI_Url", sidecar.url);
  program::OnInit();
  for (int at = 0; at < 20; ++at) {
    const auto before = Here().requests.size();
    Prices(1);
    CHECK(Here().requests.size() - before <= 1);
  }
  CHECK(Here().requests.size() < 20);
}

CASE("drop-in: the imbalance is told, or 0") {
  FaultySidecar sidecar;
  Open();
  Here().allowed_urls = {sidecar.url};
  Give("AI_Url", sidecar.url);
  program::OnInit();
  EQUAL(program::GetAIImbalance(), 0.0);
  sidecar.Answer("/orderflow/metrics", {200, "{\"symbol\":\"XAUUSD\",\"timestamp\":\"x\",\"simulated\":false,\"age_ms\":1,\"volume_imbalance\":-0.25,\"ready\":true}"});
  for (int at = 0; at < 8; ++at) program::GetAIImbalance();
  EQUAL(program::GetAIImbalance(), -0.25);
}

CASE("drop-in: a wrong address is named, and the own range serves") {
  Open();
  Give("AI_Url", "nowhere");
  CHECK(!program::InitAIIntegration());
  HOLDS(LastLog(), "AI_Url must begin with http");
  Prices(3);
  EQUAL(program::g_range, 1000.0);
  CHECK(Here().requests.empty());
  Give("AI_Url", "http://127.0.0.1:8000");
  Give("AI_Token", "a b");
  CHECK(!program::InitAIIntegration());
  HOLDS(LastLog(), "must not hold spaces");
}

}  // namespace mql5::cases
