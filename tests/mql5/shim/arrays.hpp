// Arrays as MQL5 has them: new elements are garbage, an index out of range ends the program, series count backwards.
#pragma once
#include <initializer_list>
#include <new>

#include "values.hpp"

namespace mql5 {

enum { WHOLE_ARRAY = -1 };

template <class T> void Poison(T &element) {
  if constexpr (std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>) {
    std::memset(static_cast<void *>(&element), 0xCD, sizeof element);
  } else {
    element = T();
  }
}

template <class T> class MqlArray {
 public:
  MqlArray() = default;
  MqlArray(std::initializer_list<T> values) : items_(values) {}

  T &operator[](long index) { return items_[Place(index)]; }
  const T &operator[](long index) const { return items_[Place(index)]; }
  int Size() const { return static_cast<int>(items_.size()); }
  bool Series() const { return series_; }
  void Series(bool series) { series_ = series; }
  bool Fixed() const { return fixed_; }
  // The element in memory order, whatever the series flag says.
  T &Raw(int index) { return items_[static_cast<std::size_t>(index)]; }
  const T &Raw(int index) const { return items_[static_cast<std::size_t>(index)]; }

  int Resize(int size) {
    if (size < 0 || (fixed_ && size != Size())) return -1;
    const int before = Size();
    items_.resize(static_cast<std::size_t>(size));
    for (int index = before; index < size; ++index) Poison(Raw(index));
    return size;
  }

 protected:
  std::vector<T> items_;
  bool series_ = false, fixed_ = false;

 private:
  std::size_t Place(long index) const {
    if (index < 0 || index >= Size()) {
      throw CriticalError("array out of range: index " + std::to_string(index) + " of " + std::to_string(Size()));
    }
    return static_cast<std::size_t>(series_ ? Size() - 1 - index : index);
  }
};

template <class T, int N> class MqlFixed : public MqlArray<T> {
 public:
  MqlFixed() {
    this->items_.resize(N);
    this->fixed_ = true;
    for (int index = 0; index < N; ++index) Poison(this->Raw(index));
  }
  MqlFixed(std::initializer_list<T> values) {
    if (values.size() > N) throw CriticalError("too many initial values");
    this->items_ = values;
    this->items_.resize(N);
    this->fixed_ = true;
  }
};

template <class T> int ArraySize(const MqlArray<T> &array) { return array.Size(); }
template <class T> int ArrayResize(MqlArray<T> &array, int size, int = 0) { return array.Resize(size); }
template <class T> void ArrayFree(MqlArray<T> &array) { array.Resize(0); }
template <class T> bool ArraySetAsSeries(MqlArray<T> &array, bool series) {
  if (!array.Fixed()) array.Series(series);
  return !array.Fixed();
}
template <class T, class V> void ArrayInitialize(MqlArray<T> &array, V value) {
  for (int index = 0; index < array.Size(); ++index) array.Raw(index) = static_cast<T>(value);
}
template <class T> void ZeroMemory(T &value) { value = T{}; }

// A global variable as it is when the program starts: numbers are 0.
template <class T, class... Initial> void Renew(T &global, Initial... initial) {
  std::destroy_at(&global);
  ::new (static_cast<void *>(const_cast<std::remove_const_t<T> *>(&global))) T(initial...);
}

}  // namespace mql5
