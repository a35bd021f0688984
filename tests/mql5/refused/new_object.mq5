// refused by: words
class CThing { public: int x; };
void OnTick(void) { CThing a = new CThing(); }
