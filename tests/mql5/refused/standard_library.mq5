// refused by: words
void OnTick(void) { std::vector v; }
