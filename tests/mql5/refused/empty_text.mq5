// refused by: strings
void OnTick(void) { string s = ""; if(s != "") Print("x"); }
