// refused by: bytes
void OnTick(void) { char d[]; char r[]; int code = WebRequest("GET", "u", "h", 5, d, r); }
