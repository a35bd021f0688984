// refused by: includes
#include <Trade/Trade.mqh>
void OnTick(void) { }
