#include "text.hpp"

#include <cstdio>
#include <ctime>
#include <random>

namespace mql5 {

double NormalizeDouble(double value, int digits) {
  const double power = std::pow(10.0, std::clamp(digits, 0, 8));
  const double scaled = value * power;
  return (scaled >= 0 ? std::floor(scaled + 0.5 + 1e-9) : std::ceil(scaled - 0.5 - 1e-9)) / power;
}

namespace {
std::minstd_rand &Random() {
  static std::minstd_rand random;
  return random;
}
bool IsSpace(char16_t letter) { return letter == ' ' || (letter >= 9 && letter <= 13); }
}  // namespace
void MathSrand(int seed) { Random().seed(static_cast<unsigned>(seed)); }
int MathRand() { return static_cast<int>(Random()() % 32768); }

int StringFind(const string &text, const string &part, int start) {
  const auto found = text.wide().find(part.wide(), static_cast<std::size_t>(std::max(start, 0)));
  return found == std::u16string::npos ? -1 : static_cast<int>(found);
}
string StringSubstr(const string &text, int start, int length) {
  if (start < 0 || start >= text.length()) return string("");
  const auto count = length < 0 ? std::u16string::npos : static_cast<std::size_t>(length);
  return string(text.wide().substr(static_cast<std::size_t>(start), count));
}
ushort StringGetCharacter(const string &text, int at) {
  if (at < 0 || at >= text.length()) {
    SetError(5040);
    return 0;
  }
  return text.wide()[static_cast<std::size_t>(at)];
}
bool StringSetCharacter(string &text, int at, ushort letter) {
  if (at < 0 || at > text.length()) return false;
  auto &wide = text.change();
  if (letter == 0) {
    wide.resize(static_cast<std::size_t>(at));
  } else if (at == text.length()) {
    wide += static_cast<char16_t>(letter);
  } else {
    wide[static_cast<std::size_t>(at)] = static_cast<char16_t>(letter);
  }
  return true;
}
int StringReplace(string &text, const string &part, const string &by) {
  if (part.length() == 0) return -1;
  auto &wide = text.change();
  int count = 0;
  for (auto at = wide.find(part.wide()); at != std::u16string::npos; at = wide.find(part.wide(), at + by.wide().size())) {
    wide.replace(at, part.wide().size(), by.wide());
    ++count;
  }
  return count;
}
int StringTrimLeft(string &text) {
  auto &wide = text.change();
  const auto first = std::find_if_not(wide.begin(), wide.end(), IsSpace);
  const auto count = static_cast<int>(first - wide.begin());
  wide.erase(wide.begin(), first);
  return count;
}
int StringTrimRight(string &text) {
  auto &wide = text.change();
  int count = 0;
  for (; !wide.empty() && IsSpace(wide.back()); ++count) wide.pop_back();
  return count;
}
bool StringToLower(string &text) {
  for (auto &letter : text.change()) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char16_t>(letter + 32) : letter;
  return true;
}
bool StringToUpper(string &text) {
  for (auto &letter : text.change()) letter = letter >= 'a' && letter <= 'z' ? static_cast<char16_t>(letter - 32) : letter;
  return true;
}
int StringSplit(const string &text, ushort separator, MqlArray<string> &parts) {
  parts.Resize(0);
  if (text.length() == 0) return 0;
  std::u16string part;
  const auto finish = [&] {
    parts.Resize(parts.Size() + 1);
    parts.Raw(parts.Size() - 1) = string(part);
    part.clear();
  };
  for (const auto letter : text.wide()) {
    if (letter == separator) {
      finish();
    } else {
      part += letter;
    }
  }
  finish();
  return parts.Size();
}
// The number at the beginning, 0 where there is none; neither nan, inf nor hexadecimal.
double StringToDouble(const string &text) {
  const std::string utf8 = text.utf8();
  const auto start = utf8.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return 0;
  const auto end = utf8.find_first_not_of("0123456789.eE+-", start);
  return std::atof(utf8.substr(start, end == std::string::npos ? end : end - start).c_str());
}
long StringToInteger(const string &text) { return std::strtol(text.utf8().c_str(), nullptr, 10); }
string IntegerToString(long value, int width, ushort fill) {
  std::string text = std::to_string(value);
  if (static_cast<int>(text.size()) < width) text.insert(0, static_cast<std::size_t>(width) - text.size(), static_cast<char>(fill));
  return string(text);
}
string DoubleToString(double value, int digits) {
  char text[400];
  std::snprintf(text, sizeof text, digits < 0 ? "%.*e" : "%.*f", std::min(std::abs(digits), 16), value);
  return string(text);
}
string ShortToString(ushort letter) { return string(std::u16string(1, static_cast<char16_t>(letter))); }

// CP_ACP is Windows' ANSI page, here Latin-1: a forgotten CP_UTF8 breaks text as it does in MetaTrader.
string CharArrayToString(const MqlArray<char> &bytes, int start, int count, uint codepage) {
  std::string found;
  const int end = count < 0 ? bytes.Size() : std::min(bytes.Size(), start + count);
  for (int at = start; at < end && bytes[at] != 0; ++at) found += bytes[at];
  if (codepage == CP_UTF8) return string(found);
  std::u16string wide;
  for (const unsigned char byte : found) wide += static_cast<char16_t>(byte);
  return string(wide);
}
int StringToCharArray(const string &text, MqlArray<char> &bytes, int start, int count, uint codepage) {
  std::string found;
  if (codepage == CP_UTF8) {
    found = text.utf8();
  } else {
    for (const auto letter : text.wide()) found += letter < 256 ? static_cast<char>(letter) : '?';
  }
  if (count < 0) {
    found += '\0';  // without a count the terminating zero is copied too
  } else if (static_cast<int>(found.size()) > count) {
    found.resize(static_cast<std::size_t>(count));
  }
  const int size = static_cast<int>(found.size());
  if (bytes.Size() < start + size && bytes.Resize(start + size) < 0) return 0;
  for (int at = 0; at < size; ++at) bytes[start + at] = found[static_cast<std::size_t>(at)];
  return size;
}

bool TimeToStruct(datetime time, MqlDateTime &parts) {
  const time_t seconds = time;
  std::tm found{};
  gmtime_r(&seconds, &found);
  parts = {found.tm_year + 1900, found.tm_mon + 1, found.tm_mday, found.tm_hour, found.tm_min, found.tm_sec, found.tm_wday, found.tm_yday};
  return true;
}
datetime StructToTime(const MqlDateTime &parts) {
  std::tm found{};
  found.tm_year = parts.year - 1900;
  found.tm_mon = parts.mon - 1;
  found.tm_mday = parts.day;
  found.tm_hour = parts.hour;
  found.tm_min = parts.min;
  found.tm_sec = parts.sec;
  return datetime(timegm(&found));
}
string TimeToString(datetime time, int mode) {
  MqlDateTime at;
  TimeToStruct(time, at);
  char date[48] = "", clock[48] = "";
  if (mode & TIME_DATE) std::snprintf(date, sizeof date, "%04d.%02d.%02d", at.year, at.mon, at.day);
  if (mode & TIME_SECONDS) {
    std::snprintf(clock, sizeof clock, "%02d:%02d:%02d", at.hour, at.min, at.sec);
  } else if (mode & TIME_MINUTES) {
    std::snprintf(clock, sizeof clock, "%02d:%02d", at.hour, at.min);
  }
  return string(std::string(date) + (*date && *clock ? " " : "") + clock);
}
datetime StringToTime(const string &text) {
  MqlDateTime at{1970, 1, 1, 0, 0, 0, 0, 0};
  std::sscanf(text.utf8().c_str(), "%d.%d.%d %d:%d:%d", &at.year, &at.mon, &at.day, &at.hour, &at.min, &at.sec);
  return StructToTime(at);
}

// ------------------------------------------------------------------ formats and the log
namespace {
std::string Printed(const std::string &specifier, char letter, const Argument &given) {
  const auto wrong = [&] { throw CriticalError("format: %" + std::string(1, letter) + " does not fit its argument"); };
  char text[512];
  if (std::strchr("diuxX", letter)) {
    if (given.kind != Argument::INTEGER) wrong();
    std::snprintf(text, sizeof text, (specifier + "l" + letter).c_str(), given.integer);
  } else if (std::strchr("eEfgG", letter)) {
    if (given.kind != Argument::NUMBER) wrong();
    std::snprintf(text, sizeof text, (specifier + letter).c_str(), given.number);
  } else {
    if (letter != 's' || given.kind != Argument::TEXT) wrong();
    return given.text;
  }
  return text;
}
}  // namespace

std::string Format(const std::string &format, const std::vector<Argument> &arguments) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    if (at + 1 < format.size() && format[at + 1] == '%') {
      out += format[++at];
      continue;
    }
    std::string specifier = "%";
    for (++at; at < format.size() && std::strchr("-+ #0123456789.", format[at]); ++at) specifier += format[at];
    if (format.compare(at, 3, "I64") == 0) at += 3;
    if (at < format.size() && format[at] == 'l') ++at;
    if (at >= format.size() || next >= arguments.size()) throw CriticalError("format: '" + format + "' lacks an argument");
    out += Printed(specifier, format[at], arguments[next++]);
  }
  if (next < arguments.size()) throw CriticalError("format: '" + format + "' has too many arguments");
  return out;
}
std::string Shown(const Argument &argument) {
  if (argument.kind == Argument::TEXT) return argument.text;
  if (argument.kind == Argument::INTEGER) return std::to_string(argument.integer);
  char text[64];
  std::snprintf(text, sizeof text, "%.16g", argument.number);
  return text;
}
void Log(const std::string &line) { Run().log.push_back(line); }

}  // namespace mql5
