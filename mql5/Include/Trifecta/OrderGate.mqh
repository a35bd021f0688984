//+------------------------------------------------------------------+
//| OrderGate.mqh - the only way to the broker: what is checked      |
//| before an order is sent, and what its answer means               |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_ORDER_GATE_MQH
#define TRIFECTA_ORDER_GATE_MQH

#include <Trifecta/Clock.mqh>
#include <Trifecta/Instrument.mqh>
#include <Trifecta/Store.mqh>

#define PAUSE_REFUSED_MS 60000
#define PAUSE_CLOSED_MS 300000
#define PAUSE_CLOSING_MS 5000
#define FILLINGS 3

enum ENUM_GATE_RESULT
  {
   GATE_DONE     = 0,
   GATE_AGAIN    = 1, // the price moved: the same again with a new price
   GATE_REFUSED  = 2, // the broker does not want this order
   GATE_STOPPED  = 3, // nothing will be accepted for a while
   GATE_UNKNOWN  = 4, // the answer was lost: perhaps it was carried out
   GATE_FILLING  = 5  // another filling mode is wanted
  };

//--- an entry; stop and take are distances in points from the price that is paid
struct SEntry
  {
   ENUM_ORDER_TYPE   type;
   double            volume;
   double            price;      // of a stop order
   double            stop;
   double            take;
   int               minutes;    // life of a stop order
  };

//--- what the broker's answer means
ENUM_GATE_RESULT JudgeRetcode(const uint retcode)
  {
   switch(retcode)
     {
      case TRADE_RETCODE_DONE:
      case TRADE_RETCODE_DONE_PARTIAL:
      case TRADE_RETCODE_PLACED:
      case TRADE_RETCODE_NO_CHANGES:
         return(GATE_DONE);
      case TRADE_RETCODE_REQUOTE:
      case TRADE_RETCODE_PRICE_CHANGED:
      case TRADE_RETCODE_PRICE_OFF:
         return(GATE_AGAIN);
      case 0:
      case TRADE_RETCODE_TIMEOUT:
      case TRADE_RETCODE_CONNECTION:
         return(GATE_UNKNOWN);
      case TRADE_RETCODE_INVALID_FILL:
         return(GATE_FILLING);
      case TRADE_RETCODE_MARKET_CLOSED:
      case TRADE_RETCODE_NO_MONEY:
      case TRADE_RETCODE_TRADE_DISABLED:
      case TRADE_RETCODE_TOO_MANY_REQUESTS:
      case TRADE_RETCODE_SERVER_DISABLES_AT:
      case TRADE_RETCODE_CLIENT_DISABLES_AT:
      case TRADE_RETCODE_LOCKED:
      case TRADE_RETCODE_ONLY_REAL:
      case TRADE_RETCODE_LIMIT_ORDERS:
      case TRADE_RETCODE_LIMIT_VOLUME:
      case TRADE_RETCODE_LIMIT_POSITIONS:
      case TRADE_RETCODE_LONG_ONLY:
      case TRADE_RETCODE_SHORT_ONLY:
      case TRADE_RETCODE_CLOSE_ONLY:
         return(GATE_STOPPED);
     }
   return(GATE_REFUSED);
  }

string RetcodeName(const uint retcode)
  {
   switch(retcode)
     {
      case TRADE_RETCODE_REQUOTE:
         return("requote");
      case TRADE_RETCODE_TIMEOUT:
         return("no answer in time");
      case TRADE_RETCODE_INVALID_VOLUME:
         return("invalid volume");
      case TRADE_RETCODE_INVALID_PRICE:
         return("invalid price");
      case TRADE_RETCODE_INVALID_STOPS:
         return("invalid stops");
      case TRADE_RETCODE_TRADE_DISABLED:
         return("trading is disabled");
      case TRADE_RETCODE_MARKET_CLOSED:
         return("the market is closed");
      case TRADE_RETCODE_NO_MONEY:
         return("not enough money");
      case TRADE_RETCODE_CONNECTION:
         return("no connection to the server");
      case TRADE_RETCODE_INVALID_FILL:
         return("no filling mode fits");
      case TRADE_RETCODE_CLIENT_DISABLES_AT:
         return("algorithmic trading is off in the terminal");
      case TRADE_RETCODE_SERVER_DISABLES_AT:
         return("algorithmic trading is off at the broker");
     }
   return("refused");
  }

class COrderGate
  {
private:
   string            m_symbol;
   ulong             m_magic;
   ulong             m_deviation;
   int               m_attempts;
   int               m_settle_s;
   ulong             m_paused_until_ms;
   ulong             m_no_closing_until_ms;
   string            m_pause_reason;
   string            m_error;
   bool              m_answered;   // the order under way was accepted, its ticket has yet to be seen
   CStore            m_store;

   bool              IsBuy(const ENUM_ORDER_TYPE type) const { return(type == ORDER_TYPE_BUY || type == ORDER_TYPE_BUY_STOP); }
   bool              IsMarket(const ENUM_ORDER_TYPE type) const { return(type == ORDER_TYPE_BUY || type == ORDER_TYPE_SELL); }
   void              Pause(const ulong for_ms, const string reason)
     {
      m_paused_until_ms = ClockMs() + for_ms;
      m_pause_reason = reason;
     }
   //--- filling modes to try, best first; returns how many
   int               Fillings(ENUM_ORDER_TYPE_FILLING &modes[]) const
     {
      int count = 0;
      const long allowed = SymbolInfoInteger(m_symbol, SYMBOL_FILLING_MODE);
      if((allowed & SYMBOL_FILLING_FOK) != 0)
         modes[count++] = ORDER_FILLING_FOK;
      if((allowed & SYMBOL_FILLING_IOC) != 0)
         modes[count++] = ORDER_FILLING_IOC;
      if(SymbolInfoInteger(m_symbol, SYMBOL_TRADE_EXEMODE) != SYMBOL_TRADE_EXECUTION_MARKET || count == 0)
         modes[count++] = ORDER_FILLING_RETURN;
      return(count);
     }
   //--- the greatest ticket that an order of ours bears, since a moment
   ulong             NewestTicket(const datetime since) const
     {
      ulong newest = 0;
      for(int i = 0; i < OrdersTotal(); i++)
        {
         const ulong ticket = OrderGetTicket(i);
         if(ticket > 0 && OrderGetString(ORDER_SYMBOL) == m_symbol && (ulong)OrderGetInteger(ORDER_MAGIC) == m_magic)
            newest = MathMax(newest, ticket);
        }
      if(!HistorySelect(since, (datetime)(TimeTradeServer() + S_PER_DAY)))
         return(newest);
      for(int i = 0; i < HistoryOrdersTotal(); i++)
        {
         const ulong ticket = HistoryOrderGetTicket(i);
         if(HistoryOrderGetString(ticket, ORDER_SYMBOL) == m_symbol && (ulong)HistoryOrderGetInteger(ticket, ORDER_MAGIC) == m_magic)
            newest = MathMax(newest, ticket);
        }
      return(newest);
     }
   //--- written down before the order leaves, so that a restart knows that one was under way
   void              Intend(void)
     {
      m_store.Set("ticket", (double)NewestTicket((datetime)(TimeTradeServer() - S_PER_DAY)));
      m_store.Set("intent", (double)TimeTradeServer());
      m_store.Flush();
      m_answered = false;
     }
   void              Fill(MqlTradeRequest &request, const SEntry &entry, const SInstrument &now) const
     {
      const bool buy = IsBuy(entry.type);
      const double side = (buy ? 1.0 : -1.0);
      const double market = (buy ? now.ask : now.bid);
      request.price = NearestTick(now, IsMarket(entry.type) ? market : entry.price);
      request.sl = NearestTick(now, request.price - side * entry.stop * now.point);
      request.tp = NearestTick(now, request.price + side * entry.take * now.point);
     }
   void              Prepare(MqlTradeRequest &request, const SEntry &entry) const
     {
      ZeroMemory(request);
      request.action = (IsMarket(entry.type) ? TRADE_ACTION_DEAL : TRADE_ACTION_PENDING);
      request.symbol = m_symbol;
      request.magic = m_magic;
      request.volume = entry.volume;
      request.deviation = m_deviation;
      request.type = entry.type;
      request.type_time = ORDER_TIME_GTC;
      request.comment = "Trifecta";
      if(!IsMarket(entry.type) && (SymbolInfoInteger(m_symbol, SYMBOL_EXPIRATION_MODE) & SYMBOL_EXPIRATION_SPECIFIED) != 0)
        {
         request.type_time = ORDER_TIME_SPECIFIED;
         request.expiration = (datetime)(TimeTradeServer() + 60 * entry.minutes);
        }
     }
   //--- sends once, after the terminal's own check
   ENUM_GATE_RESULT  Send(const MqlTradeRequest &request, uint &retcode)
     {
      MqlTradeCheckResult checked = {};
      MqlTradeResult result = {};
      if(!OrderCheck(request, checked))
        {
         retcode = checked.retcode;
         return(retcode == 0 ? GATE_REFUSED : JudgeRetcode(retcode));
        }
      const bool sent = OrderSend(request, result);
      retcode = result.retcode;
      const ENUM_GATE_RESULT judged = JudgeRetcode(retcode);
      return(sent || judged != GATE_DONE ? judged : GATE_UNKNOWN);
     }
   //--- tries every filling mode that the symbol allows
   ENUM_GATE_RESULT  SendFilled(MqlTradeRequest &request, uint &retcode)
     {
      ENUM_ORDER_TYPE_FILLING modes[FILLINGS];
      const int count = Fillings(modes);
      ENUM_GATE_RESULT judged = GATE_FILLING;
      for(int i = 0; i < count && judged == GATE_FILLING; i++)
        {
         request.type_filling = (request.action == TRADE_ACTION_DEAL ? modes[i] : ORDER_FILLING_RETURN);
         judged = Send(request, retcode);
        }
      return(judged == GATE_FILLING ? GATE_REFUSED : judged);
     }
   //--- an accepted order is under way until the terminal shows its ticket; of one that was refused nothing remains
   ENUM_GATE_RESULT  Conclude(const ENUM_GATE_RESULT judged, const uint retcode, const string what)
     {
      const ENUM_GATE_RESULT result = (judged == GATE_AGAIN ? GATE_REFUSED : judged);
      m_answered = (result == GATE_DONE);
      if(result == GATE_UNKNOWN)
         m_error = what + ": " + RetcodeName(retcode) + "; what became of it will be looked up";
      else if(result != GATE_DONE)
        {
         m_store.Remove("intent");
         m_error = StringFormat("%s: %s (%d)", what, RetcodeName(retcode), retcode);
        }
      if(result == GATE_REFUSED || result == GATE_STOPPED)
         Pause(retcode == TRADE_RETCODE_MARKET_CLOSED ? PAUSE_CLOSED_MS : PAUSE_REFUSED_MS, m_error);
      if(result != GATE_DONE)
         Print("Trifecta: ", m_error);
      return(result);
     }
public:
                     COrderGate(void) : m_symbol(""), m_magic(0), m_deviation(0), m_attempts(1), m_settle_s(1), m_paused_until_ms(0), m_no_closing_until_ms(0), m_pause_reason(""), m_error(""), m_answered(false) {}
   void              Init(const string symbol, const ulong magic, const int deviation, const int attempts, const int settle_s)
     {
      m_symbol = symbol;
      m_magic = magic;
      m_deviation = (ulong)deviation;
      m_attempts = attempts;
      m_settle_s = settle_s;
      m_paused_until_ms = 0;
      m_no_closing_until_ms = 0;
      m_pause_reason = "";
      m_error = "";
      m_answered = false;
      m_store.Init(symbol, magic);
     }
   string            Error(void) const { return(m_error); }
   //--- false while it is not known what became of the last order
   bool              Settled(void)
     {
      if(!m_store.Has("intent"))
         return(true);
      const datetime sent = (datetime)m_store.Get("intent");
      const ulong known = (ulong)m_store.Get("ticket");
      const bool found = (NewestTicket((datetime)(sent - S_PER_DAY)) > known);
      if(!found && TimeTradeServer() - sent < m_settle_s)
         return(false);
      if(!m_answered)
         Print("Trifecta: an order without an answer was ", (found ? "carried out" : "not carried out"));
      m_store.Remove("intent");
      return(true);
     }
   //--- whether an entry may be tried now
   bool              Open(string &why)
     {
      if(TerminalInfoInteger(TERMINAL_CONNECTED) == 0)
         why = "the terminal is not connected";
      else if(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) == 0 || MQLInfoInteger(MQL_TRADE_ALLOWED) == 0)
         why = "algorithmic trading is off in the terminal";
      else if(AccountInfoInteger(ACCOUNT_TRADE_ALLOWED) == 0 || AccountInfoInteger(ACCOUNT_TRADE_EXPERT) == 0)
         why = "algorithmic trading is off at the broker";
      else if(ClockMs() < m_paused_until_ms)
         why = "paused: " + m_pause_reason;
      else if(!Settled())
         why = "waiting to learn what became of an order";
      else
         return(true);
      return(false);
     }
   //--- sends an entry with its stop and its take; again with a new price while the price moves
   ENUM_GATE_RESULT  Enter(const SEntry &entry)
     {
      SInstrument now;
      MqlTradeRequest request = {};
      uint retcode = 0;
      ENUM_GATE_RESULT judged = GATE_AGAIN;
      Prepare(request, entry);
      for(int i = 0; i < m_attempts && judged == GATE_AGAIN; i++)
        {
         if(!LoadInstrument(m_symbol, now, m_error) || entry.stop < LeastStop(now) || entry.take < LeastStop(now))
           {
            m_error = StringFormat("stop %g and take %g must be at least %g points away", entry.stop, entry.take, LeastStop(now));
            Pause(PAUSE_REFUSED_MS, m_error);
            return(GATE_REFUSED);
           }
         Fill(request, entry, now);
         Intend();
         judged = SendFilled(request, retcode);
        }
      return(Conclude(judged, retcode, "entry"));
     }
   //--- whether a position may be closed now: not while an order is unsettled, not right after a failure
   bool              MayClose(void) { return(ClockMs() >= m_no_closing_until_ms && Settled()); }
   //--- closes a position of ours
   ENUM_GATE_RESULT  Close(const ulong ticket, const bool buy, const double volume)
     {
      MqlTradeRequest request = {};
      uint retcode = 0;
      ENUM_GATE_RESULT judged = GATE_AGAIN;
      request.action = TRADE_ACTION_DEAL;
      request.symbol = m_symbol;
      request.magic = m_magic;
      request.position = ticket;
      request.volume = volume;
      request.deviation = m_deviation;
      request.type = (buy ? ORDER_TYPE_SELL : ORDER_TYPE_BUY);
      request.comment = "Trifecta";
      for(int i = 0; i < m_attempts && judged == GATE_AGAIN; i++)
        {
         request.price = SymbolInfoDouble(m_symbol, buy ? SYMBOL_BID : SYMBOL_ASK);
         Intend();
         judged = SendFilled(request, retcode);
        }
      if(retcode == TRADE_RETCODE_POSITION_CLOSED)
         judged = GATE_DONE;
      if(judged != GATE_DONE)
         m_no_closing_until_ms = ClockMs() + PAUSE_CLOSING_MS;
      return(Conclude(judged, retcode, "close"));
     }
   //--- moves the stop and the take of a position; needs no intent, since it may be done twice
   ENUM_GATE_RESULT  Move(const ulong ticket, const double stop, const double take)
     {
      MqlTradeRequest request = {};
      uint retcode = 0;
      request.action = TRADE_ACTION_SLTP;
      request.symbol = m_symbol;
      request.magic = m_magic;
      request.position = ticket;
      request.sl = stop;
      request.tp = take;
      const ENUM_GATE_RESULT judged = Send(request, retcode);
      m_error = StringFormat("stop: %s (%d)", RetcodeName(retcode), retcode);
      return(judged);
     }
   ENUM_GATE_RESULT  Remove(const ulong ticket)
     {
      MqlTradeRequest request = {};
      uint retcode = 0;
      request.action = TRADE_ACTION_REMOVE;
      request.symbol = m_symbol;
      request.magic = m_magic;
      request.order = ticket;
      const ENUM_GATE_RESULT judged = Send(request, retcode);
      m_error = StringFormat("remove: %s (%d)", RetcodeName(retcode), retcode);
      return(judged);
     }
  };

#endif
