// refused by: words
void OnTick(void) { double p = Ask; int n = OrdersHistoryTotal(); }
