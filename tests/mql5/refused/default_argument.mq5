// refused by: compiler
enum E { A1 = 1 };
void F(E e = A1, int b) { }
void OnTick(void) { F(A1, 1); }
