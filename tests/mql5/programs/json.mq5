#include <Trifecta/Json.mqh>
