//+------------------------------------------------------------------+
//| Store.mqh - numbers that outlive a restart: variables of the     |
//| terminal, apart for each account, symbol and magic number        |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_STORE_MQH
#define TRIFECTA_STORE_MQH

class CStore
  {
private:
   string            m_prefix;
public:
                     CStore(void) : m_prefix("") {}
   void              Init(const string symbol, const ulong magic)
     {
      m_prefix = StringFormat("TF.%I64d.%I64d.", AccountInfoInteger(ACCOUNT_LOGIN), magic) + StringSubstr(symbol, 0, 16) + ".";
     }
   bool              Has(const string name) const { return(GlobalVariableCheck(m_prefix + name)); }
   double            Get(const string name) const { return(Has(name) ? GlobalVariableGet(m_prefix + name) : 0.0); }
   void              Set(const string name, const double value) { GlobalVariableSet(m_prefix + name, value); }
   void              Remove(const string name)
     {
      if(Has(name))
         GlobalVariableDel(m_prefix + name);
     }
   void              Flush(void) { GlobalVariablesFlush(); }
  };

#endif
