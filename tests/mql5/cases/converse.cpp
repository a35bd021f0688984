#include "terminal.cpp"
int main() { mql5::cases::Converse(); }
