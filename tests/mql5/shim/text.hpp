// MQL5's functions of strings, numbers, times and the log.
#pragma once
#include "arrays.hpp"

namespace mql5 {

enum { CP_ACP = 0, CP_UTF8 = 65001 };
enum { TIME_DATE = 1, TIME_MINUTES = 2, TIME_SECONDS = 4 };
struct MqlDateTime {
  int year, mon, day, hour, min, sec, day_of_week, day_of_year;
};

inline double MathAbs(double value) { return std::fabs(value); }
inline int MathAbs(int value) { return value < 0 ? -value : value; }
inline long MathAbs(long value) { return value < 0 ? -value : value; }
template <class A, class B> std::common_type_t<A, B> MathMax(A a, B b) { return a > b ? a : b; }
template <class A, class B> std::common_type_t<A, B> MathMin(A a, B b) { return a < b ? a : b; }
inline double MathFloor(double value) { return std::floor(value); }
inline double MathCeil(double value) { return std::ceil(value); }
inline double MathRound(double value) { return std::round(value); }
inline double MathPow(double base, double exponent) { return std::pow(base, exponent); }
inline double MathLog10(double value) { return std::log10(value); }
inline bool MathIsValidNumber(double value) { return std::isfinite(value); }
double NormalizeDouble(double value, int digits);
void MathSrand(int seed);
int MathRand();

inline int StringLen(const string &text) { return text.length(); }
int StringFind(const string &text, const string &part, int start = 0);
string StringSubstr(const string &text, int start, int length = -1);
ushort StringGetCharacter(const string &text, int at);
bool StringSetCharacter(string &text, int at, ushort letter);
int StringReplace(string &text, const string &part, const string &by);
int StringTrimLeft(string &text);
int StringTrimRight(string &text);
bool StringToLower(string &text);
bool StringToUpper(string &text);
int StringSplit(const string &text, ushort separator, MqlArray<string> &parts);
double StringToDouble(const string &text);
long StringToInteger(const string &text);
string IntegerToString(long value, int width = 0, ushort fill = ' ');
string DoubleToString(double value, int digits = 8);
string ShortToString(ushort letter);
string CharArrayToString(const MqlArray<char> &bytes, int start = 0, int count = -1, uint codepage = CP_ACP);
int StringToCharArray(const string &text, MqlArray<char> &bytes, int start = 0, int count = -1, uint codepage = CP_ACP);

bool TimeToStruct(datetime time, MqlDateTime &parts);
datetime StructToTime(const MqlDateTime &parts);
string TimeToString(datetime time, int mode = TIME_DATE | TIME_MINUTES);
datetime StringToTime(const string &text);

// ------------------------------------------------------------------ formats and the log
struct Argument {
  enum { INTEGER, NUMBER, TEXT } kind;
  long integer = 0;
  double number = 0;
  std::string text;
};
inline Argument AsArgument(double value) { return {Argument::NUMBER, 0, value, {}}; }
inline Argument AsArgument(const string &value) { return {Argument::TEXT, 0, 0, value.utf8()}; }
inline Argument AsArgument(datetime value) { return {Argument::INTEGER, value, 0, {}}; }
template <class T, class = std::enable_if_t<std::is_integral_v<T> || std::is_enum_v<T>>> Argument AsArgument(T value) {
  return {Argument::INTEGER, static_cast<long>(value), 0, {}};
}
// A wrong kind of argument prints garbage in MetaTrader; here it is a critical error.
std::string Format(const std::string &format, const std::vector<Argument> &arguments);
std::string Shown(const Argument &argument);
void Log(const std::string &line);

template <class... A> string StringFormat(const string &format, const A &...arguments) {
  return string(Format(format.utf8(), {AsArgument(arguments)...}));
}
template <class... A> void PrintFormat(const string &format, const A &...arguments) { Log(Format(format.utf8(), {AsArgument(arguments)...})); }
template <class... A> void Print(const A &...arguments) { Log((Shown(AsArgument(arguments)) + ... + std::string())); }
template <class... A> void Alert(const A &...arguments) { Log("ALERT " + (Shown(AsArgument(arguments)) + ... + std::string())); }

}  // namespace mql5
