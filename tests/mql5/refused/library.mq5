// refused by: includes
#import "user32.dll"
void OnTick(void) { }
