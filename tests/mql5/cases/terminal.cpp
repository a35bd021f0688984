// A terminal that is driven line by line, so that other programs can put the expert beside a real sidecar or on recorded
// ticks. Each command is answered by lines that end with one that holds a single dot.
#include <fstream>

#include "drive.hpp"
#define CONVERSES

namespace mql5::cases {

namespace {
long Now() { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// The market at the real time, so that whoever is told of its ticks can place them.
void OpenNow(double bid, double spread) {
  Open(bid, spread);
  Gold().ticks.clear();
  Server().now_ms = Now() + Here().utc_offset_s * 1000;
  Worked();
  Server().Tick("XAUUSD", Server().now_ms, bid, bid + spread);
}

void Timers(int count, bool real) {
  for (int at = 0; at < count; ++at) {
    if (real) {
      std::this_thread::sleep_for(std::chrono::milliseconds(Here().timer_ms));
      Server().now_ms = Now() + Here().utc_offset_s * 1000;
    } else {
      Pass(Here().timer_ms);
    }
    program::OnTimer();
    TellTrades();
  }
}

void Show() {
  const auto range = program::g_expert.LastRange();
  std::cout.precision(17);
  std::cout << "doing " << Doing() << "\nrange " << range.points << "\nsource " << range.source << "\ndetail " << range.detail.utf8() << "\npositions "
            << Server().positions.size() << "\norders " << Server().orders.size() << "\nbalance " << Server().balance << "\nequity " << Server().Equity()
            << "\nrequests " << Here().requests.size() << "\n";
  double slowest = 0;
  for (const auto &request : Here().requests) slowest = std::max(slowest, request.took_ms);
  std::cout << "slowest_ms " << slowest << "\n" << Here().objects["Trifecta.8"][OBJPROP_TEXT] << "\n";
}

std::string Day(long time_ms) { return TimeToString(datetime(time_ms / 1000), TIME_DATE | TIME_SECONDS).utf8(); }

// Plays `time_ms,bid,ask` lines; prints every deal, and the equity after each hour.
void Play(const std::string &file) {
  std::ifstream lines(file);
  long time_ms = 0, hour = 0;
  double bid = 0, ask = 0, lowest = Server().Equity();
  char comma;
  std::size_t told = Server().deals.size(), ticks = 0;
  while (lines >> time_ms >> comma >> bid >> comma >> ask) {
    if (ticks++ == 0) Server().now_ms = time_ms;
    if (time_ms / Here().timer_ms != Server().now_ms / Here().timer_ms) program::OnTimer();
    Here().passed_ms += static_cast<ulong>(std::max(0L, time_ms - Server().now_ms));
    Server().Tick("XAUUSD", time_ms, bid, ask);
    TellTrades();
    program::OnTick();
    TellTrades();
    lowest = std::min(lowest, Server().Equity());
    for (; told < Server().deals.size(); ++told) {
      const SimDeal &deal = Server().deals[told];
      std::cout << "deal " << Day(deal.time_ms) << (deal.type == DEAL_TYPE_BUY ? " buy " : " sell ") << (deal.entry == DEAL_ENTRY_IN ? "in " : "out ") << deal.volume
                << " at " << deal.price << " profit " << deal.profit << " swap " << deal.swap << " commission " << deal.commission << " " << deal.comment << "\n";
    }
    if (time_ms / HOUR_MS != hour) std::cout << "equity " << Day(time_ms) << " " << Server().Equity() << " balance " << Server().balance << "\n";
    hour = time_ms / HOUR_MS;
  }
  std::cout << "played " << ticks << "\nlowest " << lowest << "\nended " << Server().Equity() << "\n";
}

// Bars of XAUUSD's history: `seconds,time_s,open,high,low,close` a line.
void History(const std::string &file) {
  std::ifstream lines(file);
  std::map<long, int> periods{{300, PERIOD_M5}, {900, PERIOD_M15}, {3600, PERIOD_H1}, {14'400, PERIOD_H4}, {86'400, PERIOD_D1}};
  for (const auto &[seconds, period] : periods) Gold().bars[period].clear();
  long seconds = 0, time_s = 0;
  double open = 0, high = 0, low = 0, close = 0;
  char comma;
  while (lines >> seconds >> comma >> time_s >> comma >> open >> comma >> high >> comma >> low >> comma >> close) {
    Gold().bars[periods.at(seconds)].push_back({datetime(time_s), open, high, low, close, 1, 20, 0});
  }
}

void SetBroker(const std::string &name, double value) {
  SimSymbol &gold = Gold();
  const std::map<std::string, double *> numbers{{"balance", &Server().balance}, {"leverage", &Server().leverage}, {"commission", &gold.commission},
                                                {"swap_long", &gold.swap_long}, {"swap_short", &gold.swap_short}, {"point", &gold.point},
                                                {"tick_size", &gold.tick_size}, {"tick_value", &gold.tick_value}, {"volume_step", &gold.volume_step},
                                                {"volume_min", &gold.volume_min}, {"volume_max", &gold.volume_max}};
  if (name == "netting") {
    Server().margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  } else if (name == "digits") {
    gold.digits = static_cast<int>(value);
  } else if (name == "tester") {
    Here().tester = value > 0;
  } else if (name == "jitter") {
    Here().jitter_ms = static_cast<ulong>(value);
  } else if (name == "real_clock") {
    Here().simulated_clock = value <= 0;
  } else {
    *numbers.at(name) = value;
  }
}

void Obey(const std::string &line, std::size_t &told) {
  std::istringstream words(line);
  std::string command, name, text;
  double number = 0, second = 0;
  words >> command;
  if (command == "open" && words >> number >> second) {
    OpenNow(number, second);
  } else if (command == "set" && words >> name && std::getline(words >> std::ws, text)) {
    SetInput(name, text);
  } else if (command == "broker" && words >> name >> number) {
    SetBroker(name, number);
  } else if (command == "server" && words >> name) {
    Here().server = name;
  } else if (command == "allow" && words >> name) {
    Here().allowed_urls.push_back(name);
  } else if (command == "start") {
    std::cout << "started " << Start() << "\n";
  } else if (command == "restart") {
    std::cout << "started " << Restart() << "\n";
  } else if (command == "tick" && words >> number >> second) {
    Tick(number, second);
  } else if (command == "ticknow" && words >> number >> second) {
    Tick(number, second, std::max(1L, Now() + Here().utc_offset_s * 1000 - Server().now_ms));
  } else if (command == "timers" && words >> number) {
    Timers(static_cast<int>(number), false);
  } else if (command == "wait" && words >> number) {
    Timers(static_cast<int>(number), true);
  } else if (command == "pass" && words >> number) {
    Pass(static_cast<long>(number));
  } else if (command == "range" && words >> number) {
    program::CTraditionalRange range;
    range.Init(string("XAUUSD"), number, 0);
    std::cout.precision(17);
    std::cout << range.Read().points << "\n";
  } else if (command == "volume" && words >> number >> second >> text) {
    program::SInstrument gold;
    string problem;
    std::cout.precision(17);
    std::cout << (program::LoadInstrument(string("XAUUSD"), gold, problem) ? program::RiskVolume(gold, number, second, std::stod(text)) : -1.0) << "\n";
  } else if (command == "history" && words >> name) {
    History(name);
  } else if (command == "play" && words >> name) {
    Play(name);
  } else if (command == "show") {
    Show();
  } else if (command == "log") {
    for (; told < Run().log.size(); ++told) std::cout << Run().log[told] << "\n";
  } else {
    std::cout << "unknown: " << line << "\n";
  }
}
}  // namespace

void Converse() {
  std::size_t told = 0;
  Reset();
  Open();
  for (std::string line; std::getline(std::cin, line);) {
    Obey(line, told);
    std::cout << "." << std::endl;
  }
}

}  // namespace mql5::cases
