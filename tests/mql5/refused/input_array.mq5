// refused by: inputs
input int InpA[3];
void OnTick(void) { }
