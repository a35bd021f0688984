// refused by: declarations
void OnTick(void) { char data[], result[]; }
