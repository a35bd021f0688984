// refused by: bytes
void OnTick(void) { char d[]; StringToCharArray("x", d); }
