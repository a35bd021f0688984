//+------------------------------------------------------------------+
//| Book.mqh - our positions and orders, and nobody else's           |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_BOOK_MQH
#define TRIFECTA_BOOK_MQH

#include <Trifecta/Clock.mqh>

#define MAX_TICKETS 128

//--- the entries of one direction, however many positions they made
struct SSide
  {
   int               count;         // entries
   double            volume;
   double            average;       // price, weighed by volume
   double            first_volume;
   double            newest_price;
   datetime          newest_time;
   double            highest;
   double            lowest;
   int               positions;
   ulong             tickets[MAX_TICKETS];
   double            stops[MAX_TICKETS];
   double            takes[MAX_TICKETS];
   double            volumes[MAX_TICKETS];
   double            prices[MAX_TICKETS];
  };

struct SPending
  {
   ulong             ticket;
   ENUM_ORDER_TYPE   type;
   double            price;
   double            stop;
   double            volume;
   datetime          since;
  };

void ClearSide(SSide &side)
  {
   side.count = 0;
   side.volume = 0.0;
   side.average = 0.0;
   side.first_volume = 0.0;
   side.newest_price = 0.0;
   side.newest_time = 0;
   side.highest = 0.0;
   side.lowest = 0.0;
   side.positions = 0;
  }

void AddEntry(SSide &side, const double price, const double volume, const datetime time)
  {
   side.average = (side.average * side.volume + price * volume) / (side.volume + volume);
   side.volume += volume;
   side.highest = (side.count == 0 ? price : MathMax(side.highest, price));
   side.lowest = (side.count == 0 ? price : MathMin(side.lowest, price));
   if(side.count == 0)
      side.first_volume = volume;
   side.newest_price = price;
   side.newest_time = time;
   side.count++;
  }

class CBook
  {
private:
   string            m_symbol;
   ulong             m_magic;
   bool              m_hedging;

   void              Keep(SSide &side, const ulong ticket)
     {
      if(side.positions >= MAX_TICKETS)
         return;
      side.tickets[side.positions] = ticket;
      side.stops[side.positions] = PositionGetDouble(POSITION_SL);
      side.takes[side.positions] = PositionGetDouble(POSITION_TP);
      side.volumes[side.positions] = PositionGetDouble(POSITION_VOLUME);
      side.prices[side.positions] = PositionGetDouble(POSITION_PRICE_OPEN);
      side.positions++;
     }
   //--- a netting account has one position a symbol: its entries are the deals that made it
   void              ReadEntries(SSide &side, const ulong position)
     {
      if(!HistorySelectByPosition((long)position))
         return;
      for(int i = 0; i < HistoryDealsTotal(); i++)
        {
         const ulong deal = HistoryDealGetTicket(i);
         const long entry = HistoryDealGetInteger(deal, DEAL_ENTRY);
         if(entry == DEAL_ENTRY_IN || entry == DEAL_ENTRY_INOUT)
            AddEntry(side, HistoryDealGetDouble(deal, DEAL_PRICE), HistoryDealGetDouble(deal, DEAL_VOLUME), (datetime)HistoryDealGetInteger(deal, DEAL_TIME));
        }
     }
   void              TakePosition(SSide &side, const ulong ticket)
     {
      const double volume = PositionGetDouble(POSITION_VOLUME);
      const double open = PositionGetDouble(POSITION_PRICE_OPEN);
      const datetime since = (datetime)PositionGetInteger(POSITION_TIME);
      const ulong position = (ulong)PositionGetInteger(POSITION_IDENTIFIER);
      Keep(side, ticket);
      if(!m_hedging)
         ReadEntries(side, position);
      if(m_hedging || side.count == 0)
         AddEntry(side, open, volume, since);
      if(!m_hedging)   // the terminal's own figures, whatever was closed in part
        {
         side.volume = volume;
         side.average = open;
        }
     }
   void              TakeOrder(const ulong ticket)
     {
      if(pending_count >= MAX_TICKETS)
         return;
      SPending order;
      order.ticket = ticket;
      order.type = (ENUM_ORDER_TYPE)OrderGetInteger(ORDER_TYPE);
      order.price = OrderGetDouble(ORDER_PRICE_OPEN);
      order.stop = OrderGetDouble(ORDER_SL);
      order.volume = OrderGetDouble(ORDER_VOLUME_CURRENT);
      order.since = (datetime)OrderGetInteger(ORDER_TIME_SETUP);
      pending[pending_count] = order;
      pending_count++;
     }
public:
   SSide             buys;
   SSide             sells;
   SPending          pending[MAX_TICKETS];
   int               pending_count;
   bool              foreign;      // somebody else holds or orders this symbol on a netting account
   double            floating;     // money, swap included

                     CBook(void) : m_symbol(""), m_magic(0), m_hedging(true), pending_count(0), foreign(false), floating(0.0) {}
   void              Init(const string symbol, const ulong magic)
     {
      m_symbol = symbol;
      m_magic = magic;
      m_hedging = (AccountInfoInteger(ACCOUNT_MARGIN_MODE) == ACCOUNT_MARGIN_MODE_RETAIL_HEDGING);
      Clear();
     }
   void              Clear(void)
     {
      ClearSide(buys);
      ClearSide(sells);
      pending_count = 0;
      foreign = false;
      floating = 0.0;
     }
   bool              Hedging(void) const { return(m_hedging); }
   bool              Flat(void) const { return(buys.positions + sells.positions == 0); }
   double            Lots(void) const
     {
      double lots = buys.volume + sells.volume;
      for(int i = 0; i < pending_count; i++)
         lots += pending[i].volume;
      return(lots);
     }
   void              Scan(void)
     {
      Clear();
      for(int i = 0; i < PositionsTotal(); i++)
        {
         const ulong ticket = PositionGetTicket(i);
         if(ticket == 0 || PositionGetString(POSITION_SYMBOL) != m_symbol)
            continue;
         if((ulong)PositionGetInteger(POSITION_MAGIC) != m_magic)
           {
            foreign = foreign || !m_hedging;
            continue;
           }
         floating += PositionGetDouble(POSITION_PROFIT) + PositionGetDouble(POSITION_SWAP);
         if(PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_BUY)
            TakePosition(buys, ticket);
         else
            TakePosition(sells, ticket);
        }
      for(int i = 0; i < OrdersTotal(); i++)
        {
         const ulong ticket = OrderGetTicket(i);
         if(ticket == 0 || OrderGetString(ORDER_SYMBOL) != m_symbol)
            continue;
         if((ulong)OrderGetInteger(ORDER_MAGIC) == m_magic)
            TakeOrder(ticket);
         else
            foreign = foreign || !m_hedging;
        }
     }
  };

#endif
