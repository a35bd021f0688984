// refused by: local-references
struct S { int a; };
void OnTick(void) { S s[2]; S &r = s[0]; r.a = 1; }
