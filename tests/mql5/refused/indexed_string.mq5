// refused by: compiler
void OnTick(void) { string s = "abc"; if(s[0] == 97) Print("x"); }
