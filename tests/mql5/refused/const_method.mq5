// refused by: compiler
class CThing { int v; public: CThing(void) : v(0) {} int Get(void) { return(v); } };
int F(const CThing &a) { return(a.Get()); }
void OnTick(void) { CThing a; F(a); }
