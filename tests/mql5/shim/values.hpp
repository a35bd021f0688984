// MQL5's basic types: integers, NULL, string (UTF-16, NULL differs from ""), datetime, color; and the program's errors.
#pragma once
#include <algorithm>
#include <climits>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>
#undef NULL

namespace mql5 {

using uchar = unsigned char;
using ushort = unsigned short;
using uint = unsigned int;
using ulong = unsigned long;
static_assert(sizeof(long) == 8, "MQL5's long has 64 bits");

// Raised where MetaTrader would end the program with a critical error.
struct CriticalError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum {
  ERR_SUCCESS = 0,
  ERR_FUNCTION_NOT_ALLOWED = 4014,
  ERR_MARKET_UNKNOWN_SYMBOL = 4301,
  ERR_HISTORY_NOT_FOUND = 4401,
  ERR_GLOBALVARIABLE_NOT_FOUND = 4501,
  ERR_TRADE_POSITION_NOT_FOUND = 4753,
  ERR_TRADE_ORDER_NOT_FOUND = 4754,
  ERR_TRADE_DEAL_NOT_FOUND = 4755,
  ERR_TRADE_SEND_FAILED = 4756,
  ERR_WEBREQUEST_INVALID_ADDRESS = 5200,
  ERR_WEBREQUEST_CONNECT_FAILED = 5201,
  ERR_WEBREQUEST_TIMEOUT = 5202,
  ERR_WEBREQUEST_REQUEST_FAILED = 5203,
};

// What outlives a restart of the program but belongs to no broker: its error code, its log.
struct Runtime {
  int last_error = 0;
  bool stopped = false;
  std::vector<std::string> log;
};
Runtime &Run();
inline void SetError(int code) { Run().last_error = code; }
inline int GetLastError() { return Run().last_error; }
inline void ResetLastError() { Run().last_error = 0; }
inline bool IsStopped() { return Run().stopped; }

struct Null {
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>> constexpr operator T() const { return T(0); }
};
inline constexpr Null NULL_VALUE{};
#define NULL (::mql5::NULL_VALUE)

std::u16string Wide(const std::string &utf8);
std::string Utf8(const std::u16string &wide);

class string {
 public:
  string() = default;  // an unassigned string is NULL
  string(Null) {}
  string(const char *text) : wide_(Wide(text)), null_(false) {}
  string(const std::string &text) : wide_(Wide(text)), null_(false) {}
  explicit string(std::u16string text) : wide_(std::move(text)), null_(false) {}
  string(std::nullptr_t) = delete;

  const std::u16string &wide() const { return wide_; }
  std::u16string &change() {
    null_ = false;
    return wide_;
  }
  std::string utf8() const { return Utf8(wide_); }
  int length() const { return static_cast<int>(wide_.size()); }
  string &operator+=(const string &other) {
    wide_ += other.wide_;
    null_ = false;
    return *this;
  }
  friend string operator+(const string &a, const string &b) { return string(a.wide_ + b.wide_); }
  friend bool operator==(const string &a, const string &b) { return a.wide_ == b.wide_ && a.null_ == b.null_; }
  friend bool operator!=(const string &a, const string &b) { return !(a == b); }
  friend bool operator<(const string &a, const string &b) { return a.wide_ < b.wide_; }
  friend bool operator>(const string &a, const string &b) { return b < a; }

 private:
  std::u16string wide_;
  bool null_ = true;
};
string operator""_s(const char *text, std::size_t size);

// Seconds since 1970; apart from long, as in MQL5, so that `flag ? time : 0` needs its casts.
class datetime {
 public:
  constexpr datetime() = default;
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>> constexpr datetime(T value) : seconds_(static_cast<long>(value)) {}
  constexpr operator long() const { return seconds_; }
  datetime &operator+=(long seconds) {
    seconds_ += seconds;
    return *this;
  }

 private:
  long seconds_ = 0;
};

class color {
 public:
  constexpr color() = default;
  constexpr color(int value) : value_(value) {}
  constexpr operator int() const { return value_; }

 private:
  int value_ = 0;
};
inline constexpr color clrBlack{0}, clrWhite{0xFFFFFF}, clrRed{0x0000FF}, clrGreen{0x008000}, clrGray{0x808080},
    clrOrange{0x00A5FF}, clrTomato{0x4763FF}, clrLimeGreen{0x32CD32}, clrSilver{0xC0C0C0};

}  // namespace mql5
