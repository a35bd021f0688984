// BoxExpert.mqh beside a sidecar
#include "faulty.hpp"
#include "plain.hpp"

namespace mql5::cases {

CASE("expert: a halt removes entry orders, stops entries, holds over a restart without the sidecar, and ends with it") {
  FaultySidecar sidecar;
  Plain();
  Set({{"InpUseSidecar", "true"}, {"InpThreshold", "100"}});
  SetInput("InpUrl", sidecar.url);
  Here().allowed_urls = {sidecar.url};
  sidecar.Answer("/halt", {200, "{\"halted\":false}"});
  EQUAL(Start(), 0);
  Timer();
  Tick(2000);
  EQUAL(Server().orders.size(), 2UL);
  sidecar.Answer("/halt", {200, "{\"halted\":true,\"reason\":\"drill\"}"});
  for (int at = 0; at < 4; ++at) Timer();
  CHECK(Server().orders.empty());  // within a second, without a tick
  Tick(2000.1);
  CHECK(Server().orders.empty());
  EQUAL(Doing(), std::string("halted: drill"));
  HOLDS(Here().objects["Trifecta.4"][OBJPROP_TEXT], "halted: drill");
  sidecar.Answer("/halt", {500, ""});
  EQUAL(Restart(), 0);
  Timer();
  Tick(2000.1);
  HOLDS(Doing(), "halted: before the restart");
  sidecar.Answer("/halt", {200, "{\"halted\":false}"});
  for (int at = 0; at < 30; ++at) Timer();
  Tick(2000.1);
  EQUAL(Server().orders.size(), 2UL);
}

CASE("expert: ticks are pushed and the range is asked, one request a timer") {
  FaultySidecar sidecar;
  Plain();
  Set({{"InpUseSidecar", "true"}, {"InpPush", "true"}});
  SetInput("InpUrl", sidecar.url);
  Here().allowed_urls = {sidecar.url};
  sidecar.Answer("/mt5", {200, "{}"});
  EQUAL(Start(), 0);
  for (int at = 0; at < 20; ++at) {
    const auto before = Here().requests.size();
    Timer();
    CHECK(Here().requests.size() - before <= 1);
  }
  CHECK(!sidecar.Seen("/mt5/ticks").empty() && !sidecar.Seen("/mt5/bars").empty() && !sidecar.Seen("/market-range/simple").empty());
}

}  // namespace mql5::cases
