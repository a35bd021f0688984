// refused by: literals
struct S { string a; double b; };
void OnTick(void) { S s; s = S{"x", 1.0}; }
