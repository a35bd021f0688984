// Instrument.mqh and RiskSizer.mqh
namespace mql5::cases {

static program::SInstrument Loaded() {
  program::SInstrument found;
  string problem;
  CHECK(program::LoadInstrument(string("XAUUSD"), found, problem));
  return found;
}

CASE("sizer: the volume is floored to the step, never rounded up") {
  Open();
  const auto gold = Loaded();  // a point costs 1 a lot: 300 points lose 300 a lot
  EQUAL(program::RiskVolume(gold, 50, 300, 100), 0.16);
  EQUAL(program::RiskVolume(gold, 59.99, 300, 100), 0.19);
  EQUAL(program::RiskVolume(gold, 60, 300, 100), 0.2);
  EQUAL(program::RiskVolume(gold, 3, 300, 100), 0.01);
}

CASE("sizer: below the least volume there is no order") {
  Open();
  EQUAL(program::RiskVolume(Loaded(), 2.99, 300, 100), 0.0);
  EQUAL(program::RiskVolume(Loaded(), 50, 300, 0.009), 0.0);
  Gold().volume_min = 0.1;
  EQUAL(program::RiskVolume(Loaded(), 29.9, 300, 100), 0.0);
  EQUAL(program::RiskVolume(Loaded(), 30, 300, 100), 0.1);
}

CASE("sizer: the caps of user and broker hold") {
  Open();
  EQUAL(program::RiskVolume(Loaded(), 1e6, 300, 0.35), 0.35);
  Gold().volume_max = 0.25;
  EQUAL(program::RiskVolume(Loaded(), 1e6, 300, 100), 0.25);
  Gold().volume_max = 0;
  EQUAL(program::RiskVolume(Loaded(), 600, 300, 100), 2.0);
}

CASE("sizer: nonsense gives no volume") {
  Open();
  const auto gold = Loaded();
  EQUAL(program::RiskVolume(gold, 0, 300, 1), 0.0);
  EQUAL(program::RiskVolume(gold, -5, 300, 1), 0.0);
  EQUAL(program::RiskVolume(gold, 5, 0, 1), 0.0);
  EQUAL(program::RiskVolume(gold, 5, 300, 0), 0.0);
  EQUAL(program::RiskVolume(gold, NAN, 300, 1), 0.0);
}

CASE("sizer: what the free margin carries is the most") {
  Open();
  Server().leverage = 100;  // a lot of 100 at 2000 takes 2000
  EQUAL(program::AffordableVolume(Loaded(), ORDER_TYPE_BUY, 9, 2000, 0.5), 2.5);
  EQUAL(program::AffordableVolume(Loaded(), ORDER_TYPE_BUY, 1.234, 2000, 0.5), 1.23);
  Server().balance = 1;
  EQUAL(program::AffordableVolume(Loaded(), ORDER_TYPE_BUY, 9, 2000, 0.5), 0.0);
  auto unknown = Loaded();
  unknown.symbol = string("NONE");
  EQUAL(program::AffordableVolume(unknown, ORDER_TYPE_BUY, 9, 2000, 0.5), 0.0);
}

CASE("instrument: steps and ticks of every kind") {
  EQUAL(program::StepDigits(1), 0);
  EQUAL(program::StepDigits(0.1), 1);
  EQUAL(program::StepDigits(0.01), 2);
  EQUAL(program::StepDigits(0.00000001), 8);
  Open();
  Gold().tick_size = 0.25;
  EQUAL(program::NearestTick(Loaded(), 2000.13), 2000.25);
  EQUAL(program::NearestTick(Loaded(), 2000.12), 2000.0);
}

CASE("instrument: the nearest stop is beyond spread, stops level and freeze level") {
  Open(2000, 0.2);
  NEAR(program::LeastStop(Loaded()), 21);
  Gold().stops_level = 50;
  NEAR(program::LeastStop(Loaded()), 71);
  Gold().freeze_level = 80;
  NEAR(program::LeastStop(Loaded()), 101);
}

CASE("instrument: a broker's nonsense is refused and named") {
  for (double SimSymbol::*field : {&SimSymbol::point, &SimSymbol::tick_size, &SimSymbol::tick_value, &SimSymbol::volume_min, &SimSymbol::volume_step, &SimSymbol::bid}) {
    Open();
    Gold().*field = 0;
    program::SInstrument found;
    string problem;
    CHECK(!program::LoadInstrument(string("XAUUSD"), found, problem));
    HOLDS(problem.utf8(), "XAUUSD: point");
  }
  Open();
  Gold().ask = Gold().bid - 1;
  program::SInstrument found;
  string problem;
  CHECK(!program::LoadInstrument(string("XAUUSD"), found, problem));
}

}  // namespace mql5::cases
