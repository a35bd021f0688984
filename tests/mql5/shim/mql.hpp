// Everything a translated program and its cases need; compiled once as a header.
#ifndef TRIFECTA_MQL_HPP
#define TRIFECTA_MQL_HPP
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

#include "terminal.hpp"
#endif
