// refused by: strings
void OnTick(void) { string s = ""; if(s == NULL) Print("x"); }
