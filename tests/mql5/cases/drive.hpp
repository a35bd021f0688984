// The expert on a market: it hears of ticks, trades and its timer as a terminal tells them.
#pragma once
#include "world.hpp"

namespace mql5::cases {

inline void SetInput(const std::string &name, const std::string &value) {
  InputTable table;
  program::RegisterInputs(table);
  table.Set(name, value);
}
inline void Set(std::initializer_list<std::pair<const char *, const char *>> inputs) {
  for (const auto &[name, value] : inputs) SetInput(name, value);
}
inline int Start() { return program::OnInit(); }

// What a terminal does when it starts again: the program's memory is new, the broker and the terminal's variables are as they were.
inline int Restart() {
  program::RenewVariables();
  return program::OnInit();
}
inline void TellTrades() {
  for (int at = 0; Server().events && at < 16; ++at) {
    Server().events = false;
    program::OnTrade();
  }
}
inline void Tick(double bid, double spread = 0.2, long ms = 1000) {
  Price(bid, spread, ms);
  TellTrades();
  program::OnTick();
  TellTrades();
}
inline void Timer(long ms = 250) {
  Pass(ms);
  program::OnTimer();
  TellTrades();
}
inline std::string Doing() { return program::g_expert.WhatItDoes().utf8(); }

}  // namespace mql5::cases
