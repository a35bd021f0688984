// refused by: flow
int g_count = 0;
void OnTick(void) { int g_count = 3; Print(g_count); }
