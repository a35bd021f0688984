#include <Trifecta/Book.mqh>
#include <Trifecta/OrderGate.mqh>
