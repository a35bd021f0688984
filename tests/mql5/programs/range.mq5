#include <Trifecta/MarketRange.mqh>
