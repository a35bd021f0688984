// refused by: compiler
void OnTick(void) { foo = 3; Bar(); }
