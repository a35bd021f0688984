#include <Trifecta/TickPusher.mqh>
