int main(int count, char **names) { return mql5::cases::RunAll(count, names); }
