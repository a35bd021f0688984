// refused by: literals
struct S { double b; };
S F(void) { return {1.0}; }
void OnTick(void) { F(); }
