//+------------------------------------------------------------------+
//| Panel.mqh - what the expert does and why, on the chart           |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_PANEL_MQH
#define TRIFECTA_PANEL_MQH

#define PANEL_LINES 9
#define PANEL_PREFIX "Trifecta."
#define PANEL_TOP 24
#define PANEL_STEP 16

class CPanel
  {
private:
   bool              m_shown;
   string            m_texts[PANEL_LINES];
   bool              m_changed;

   string            Name(const int line) const { return(PANEL_PREFIX + IntegerToString(line)); }
public:
                     CPanel(void) : m_shown(false), m_changed(false) {}
   //--- shown is false where nobody looks: in the Strategy Tester without its picture
   void              Init(const bool shown)
     {
      m_shown = shown;
      m_changed = false;
      Remove();
      for(int line = 0; line < PANEL_LINES; line++)
        {
         m_texts[line] = "";
         if(!m_shown)
            continue;
         if(!ObjectCreate(0, Name(line), OBJ_LABEL, 0, 0, 0.0))
            continue;
         ObjectSetInteger(0, Name(line), OBJPROP_CORNER, CORNER_LEFT_UPPER);
         ObjectSetInteger(0, Name(line), OBJPROP_XDISTANCE, 8);
         ObjectSetInteger(0, Name(line), OBJPROP_YDISTANCE, PANEL_TOP + PANEL_STEP * line);
         ObjectSetInteger(0, Name(line), OBJPROP_FONTSIZE, 9);
         ObjectSetInteger(0, Name(line), OBJPROP_SELECTABLE, 0);
         ObjectSetString(0, Name(line), OBJPROP_FONT, "Consolas");
        }
     }
   void              Show(const int line, const string text, const color shade)
     {
      if(!m_shown || line < 0 || line >= PANEL_LINES || text == m_texts[line])
         return;
      m_texts[line] = text;
      m_changed = true;
      ObjectSetString(0, Name(line), OBJPROP_TEXT, StringLen(text) > 0 ? text : " ");
      ObjectSetInteger(0, Name(line), OBJPROP_COLOR, shade);
     }
   void              Draw(void)
     {
      if(m_changed)
         ChartRedraw(0);
      m_changed = false;
     }
   void              Remove(void) { ObjectsDeleteAll(0, PANEL_PREFIX); }
  };

#endif
