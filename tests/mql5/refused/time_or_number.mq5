// refused by: compiler
void OnTick(void) { datetime t = (TimeCurrent() > 0 ? TimeCurrent() : "never"); Print((long)t); }
