// Named cases, run one by one on a fresh terminal. `program --list`, `program NAME…`; prints "ok NAME" or "FAIL NAME | …".
#pragma once
#pragma GCC diagnostic ignored "-Wfloat-equal"  // of the program, not of what is expected of it

namespace mql5::cases {

struct Failure {
  std::string what;
};
struct Case {
  const char *name;
  void (*run)();
};
inline std::vector<Case> &All() {
  static std::vector<Case> all;
  return all;
}
struct Registered {
  Registered(const char *name, void (*run)()) { All().push_back({name, run}); }
};
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED_CASE(name, number)                                                                \
  static void JOIN(Case, number)();                                                            \
  static const ::mql5::cases::Registered JOIN(registered, number)(name, JOIN(Case, number)); \
  static void JOIN(Case, number)()
#define CASE(name) NAMED_CASE(name, __COUNTER__)

template <class T> std::string Told(const T &value) {
  std::ostringstream out;
  out.precision(17);
  if constexpr (std::is_same_v<T, string>) {
    out << "'" << value.utf8() << "'";
  } else if constexpr (std::is_enum_v<T>) {
    out << static_cast<long>(value);
  } else {
    out << value;
  }
  return out.str();
}
[[noreturn]] inline void Fail(const char *file, int line, const std::string &what) {
  const std::string path = file;
  throw Failure{path.substr(path.rfind('/') + 1) + ":" + std::to_string(line) + ": " + what};
}
#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) ::mql5::cases::Fail(__FILE__, __LINE__, #condition); \
  } while (false)
#define EQUAL(found, expected)                                                                                                        \
  do {                                                                                                                                \
    const auto &found_ = (found);                                                                                                     \
    const auto &expected_ = (expected);                                                                                               \
    if (!(found_ == expected_))                                                                                                       \
      ::mql5::cases::Fail(__FILE__, __LINE__, #found " is " + ::mql5::cases::Told(found_) + ", expected " + ::mql5::cases::Told(expected_)); \
  } while (false)
#define NEAR(found, expected)                                                                                                         \
  do {                                                                                                                                \
    const double found_ = (found), expected_ = (expected);                                                                            \
    if (!(std::fabs(found_ - expected_) < 1e-9 * std::max(1.0, std::fabs(expected_))))                                                \
      ::mql5::cases::Fail(__FILE__, __LINE__, #found " is " + ::mql5::cases::Told(found_) + ", expected " + ::mql5::cases::Told(expected_)); \
  } while (false)
#define HOLDS(text, part)                                                                                                             \
  do {                                                                                                                                \
    const std::string text_ = (text), part_ = (part);                                                                                 \
    if (text_.find(part_) == std::string::npos) ::mql5::cases::Fail(__FILE__, __LINE__, "'" + text_ + "' does not hold '" + part_ + "'"); \
  } while (false)

inline std::string LastLog() { return Run().log.empty() ? "" : Run().log.back(); }
inline int Logged(const std::string &part) {
  return static_cast<int>(std::count_if(Run().log.begin(), Run().log.end(), [&](const std::string &line) { return line.find(part) != std::string::npos; }));
}

inline bool RunOne(const Case &one) {
  Reset();
  program::RenewGlobals();
  std::string problem;
  try {
    one.run();
  } catch (const Failure &failure) {
    problem = failure.what;
  } catch (const std::exception &error) {
    problem = std::string("stopped by: ") + error.what();
  }
  std::cout << (problem.empty() ? "ok " : "FAIL ") << one.name << (problem.empty() ? "" : " | " + problem) << std::endl;
  return problem.empty();
}
inline int RunAll(int count, char **names) {
  bool fine = true;
  for (const Case &one : All()) {
    const bool wanted = count < 2 || std::any_of(names + 1, names + count, [&](const char *name) { return std::string(name) == one.name; });
    if (wanted) fine = RunOne(one) && fine;
  }
  return fine ? 0 : 1;
}

}  // namespace mql5::cases
