#include <string_view>

int main(int count, char **names) {
#ifdef CONVERSES
  if (count == 2 && std::string_view(names[1]) == "--converse") {
    mql5::cases::Converse();
    return 0;
  }
#endif
  return mql5::cases::RunAll(count, names);
}
