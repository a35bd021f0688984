// refused by: bytes
void OnTick(void) { char d[]; string s = CharArrayToString(d); }
