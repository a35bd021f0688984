// refused by: pointers
class CThing { public: int x; };
void OnTick(void) { CThing a; a->x = 3; }
