#include <Trifecta/RiskSizer.mqh>
