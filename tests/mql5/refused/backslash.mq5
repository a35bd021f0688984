// refused by: includes
#include <Trifecta\Json.mqh>
void OnTick(void) { }
