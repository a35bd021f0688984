// refused by: words
template<typename T> T Twice(T a) { return(a + a); }
void OnTick(void) { Print(Twice(2)); }
