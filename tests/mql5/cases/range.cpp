// MarketRange.mqh: the traditional range
namespace mql5::cases {

static program::CTraditionalRange Traditional(double threshold = 15'000, ulong last_for_ms = 3'600'000) {
  program::CTraditionalRange range;
  range.Init(string("XAUUSD"), threshold, last_for_ms);
  return range;
}

CASE("range: the worked example gives 2800 points") {
  Open();
  const auto range = Traditional().Read();
  EQUAL(range.points, 2800.0);
  EQUAL(range.source, program::RANGE_TRADITIONAL);
}

CASE("range: each regime of the daily bars has its weights") {
  Open();  // daily bars are 4000 points high
  EQUAL(Traditional(4000).Read().points, 0.2 * 1000 + 0.3 * 2000 + 0.5 * 4000);
  EQUAL(Traditional(3999).Read().points, 0.4 * 1000 + 0.4 * 2000 + 0.2 * 4000);
  EQUAL(Traditional(4000 / 1.5).Read().points, 0.4 * 1000 + 0.4 * 2000 + 0.2 * 4000);
  EQUAL(Traditional(2666).Read().points, 0.5 * 1000 + 0.3 * 2000 + 0.2 * 4000);
}

CASE("range: ten, five and three bars are taken, the current one too") {
  Open();
  auto &h1 = Gold().bars[PERIOD_H1];
  h1[h1.size() - 10].high = 2006;
  h1[h1.size() - 11].high = 2999;
  h1.back().low = 1994;
  auto &d1 = Gold().bars[PERIOD_D1];
  d1[d1.size() - 4].low = 1;
  EQUAL(Traditional().Read().points, 0.2 * 1200 + 0.3 * 2000 + 0.5 * 4000);
}

CASE("range: the mean height is that of the two closed daily bars") {
  Open();
  auto &d1 = Gold().bars[PERIOD_D1];
  d1[d1.size() - 1] = {d1.back().time, 2000, 2000, 2000, 2000, 1, 1, 0};
  EQUAL(Traditional(3999).Read().points, 0.4 * 1000 + 0.4 * 2000 + 0.2 * 4000);
}

CASE("range: without bars the last one serves, with its age, until it is too old") {
  Open();
  auto range = Traditional(15'000, 60'000);
  EQUAL(range.Read().points, 2800.0);
  Gold().bars[PERIOD_H4].resize(3);
  Pass(60'000);
  const auto last = range.Read();
  EQUAL(last.points, 2800.0);
  EQUAL(last.source, program::RANGE_LAST);
  EQUAL(last.age_ms, 60'000UL);
  EQUAL(last.detail, string("3 of 5 H4 bars are there"));
  Pass(1);
  EQUAL(range.Read().source, program::RANGE_NONE);
  EQUAL(range.Read().points, 0.0);
}

CASE("range: without bars and without a last one there is none") {
  Open();
  for (const int missing : {PERIOD_H1, PERIOD_H4, PERIOD_D1}) {
    Worked();
    Gold().bars.erase(missing);
    auto range = Traditional();
    EQUAL(range.Read().source, program::RANGE_NONE);
    HOLDS(range.Read().detail.utf8(), "0 of ");
  }
}

CASE("range: bars and points that make no sense give none") {
  Open();
  Gold().bars[PERIOD_H1].back().low = 3000;
  HOLDS(Traditional().Read().detail.utf8(), "bar 0 of H1 has high");
  Gold().bars[PERIOD_H1].back().low = 0;
  EQUAL(Traditional().Read().source, program::RANGE_NONE);
  Worked();
  for (auto &[period, bars] : Gold().bars) {
    for (auto &bar : bars) bar = {bar.time, 2000, 2000, 2000, 2000, 1, 1, 0};
  }
  HOLDS(Traditional().Read().detail.utf8(), "no height");
  Gold().point = 0;
  HOLDS(Traditional().Read().detail.utf8(), "no point size");
}

CASE("range: every source has a name") {
  EQUAL(program::RangeSourceName(program::RANGE_SIDECAR), string("range of the sidecar"));
  EQUAL(program::RangeSourceName(program::RANGE_TRADITIONAL), string("traditional range"));
  EQUAL(program::RangeSourceName(program::RANGE_LAST), string("last traditional range"));
  EQUAL(program::RangeSourceName(program::RANGE_NONE), string("no range"));
}

CASE("clock: in the Strategy Tester it is the market's") {
  Open();
  const ulong before = program::ClockMs();
  Here().jitter_ms = 13;
  CHECK(program::ClockMs() > before);
  Here().tester = true;
  EQUAL(program::ClockMs(), static_cast<ulong>(Server().now_ms));
}

CASE("clock: pauses double up to their limit and end when something worked") {
  program::CBackoff backoff;
  backoff.Longest(5000);
  for (const ulong wait : {1000UL, 2000UL, 4000UL, 5000UL, 5000UL}) {
    backoff.Failed(100);
    CHECK(backoff.Waits(100 + wait - 1) && !backoff.Waits(100 + wait));
  }
  EQUAL(backoff.Failures(), 5);
  backoff.Worked();
  CHECK(!backoff.Waits(100));
}

CASE("clock: an announcement is made once until it changes") {
  program::CAnnouncer announcer;
  for (const char *text : {"a", "a", "", "b", "a"}) announcer.Say(string(text));
  EQUAL(Run().log.size(), 3UL);
}

}  // namespace mql5::cases
