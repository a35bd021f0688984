#include "values.hpp"

namespace mql5 {

Runtime &Run() {
  static Runtime runtime;
  return runtime;
}

namespace {
constexpr char16_t REPLACEMENT = u'\xFFFD';

// Length of the UTF-8 sequence that begins with `lead`; 0 where none does.
int SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if ((lead >> 5) == 6) return 2;
  if ((lead >> 4) == 14) return 3;
  return (lead >> 3) == 30 ? 4 : 0;
}
}  // namespace

std::u16string Wide(const std::string &utf8) {
  std::u16string wide;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[at]);
    const int length = SequenceLength(lead);
    unsigned value = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    bool whole = length > 0 && at + static_cast<std::size_t>(length) <= utf8.size();
    for (int next = 1; whole && next < length; ++next) {
      const auto byte = static_cast<unsigned char>(utf8[at + static_cast<std::size_t>(next)]);
      whole = (byte & 0xC0) == 0x80;
      value = value << 6 | (byte & 63U);
    }
    at += whole ? static_cast<std::size_t>(length) : 1;
    if (!whole) {
      wide += REPLACEMENT;
    } else if (value < 0x10000) {
      wide += static_cast<char16_t>(value);
    } else {
      wide += static_cast<char16_t>(0xD800 + ((value - 0x10000) >> 10));
      wide += static_cast<char16_t>(0xDC00 + ((value - 0x10000) & 0x3FF));
    }
  }
  return wide;
}

std::string Utf8(const std::u16string &wide) {
  std::string utf8;
  const auto put = [&utf8](unsigned value) { utf8 += static_cast<char>(value); };
  for (std::size_t at = 0; at < wide.size(); ++at) {
    unsigned value = wide[at];
    if (value >= 0xD800 && value < 0xDC00 && at + 1 < wide.size()) {
      value = 0x10000 + ((value - 0xD800) << 10) + (wide[++at] - 0xDC00U);
    }
    if (value < 0x80) {
      put(value);
    } else if (value < 0x800) {
      put(0xC0 | value >> 6);
      put(0x80 | (value & 63));
    } else if (value < 0x10000) {
      put(0xE0 | value >> 12);
      put(0x80 | (value >> 6 & 63));
      put(0x80 | (value & 63));
    } else {
      put(0xF0 | value >> 18);
      put(0x80 | (value >> 12 & 63));
      put(0x80 | (value >> 6 & 63));
      put(0x80 | (value & 63));
    }
  }
  return utf8;
}

string operator""_s(const char *text, std::size_t size) { return string(std::string(text, size)); }

}  // namespace mql5
