//+------------------------------------------------------------------+
//| Json.mqh - strict and bounded: the members of one JSON object    |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_JSON_MQH
#define TRIFECTA_JSON_MQH

#define JSON_MAX_LENGTH 65536
#define JSON_MAX_DEPTH 8
#define JSON_MAX_MEMBERS 64
#define JSON_MAX_NUMBER 32

enum ENUM_JSON_KIND
  {
   JSON_BROKEN = 0,
   JSON_NUMBER = 1,
   JSON_TEXT   = 2,
   JSON_TRUE   = 3,
   JSON_FALSE  = 4,
   JSON_NULL   = 5,
   JSON_NESTED = 6
  };

//--- text as a JSON string, quotes included
string JsonQuoted(const string text)
  {
   string out = "\"";
   for(int i = 0; i < StringLen(text); i++)
     {
      const ushort letter = StringGetCharacter(text, i);
      if(letter == '"' || letter == '\\')
         out += "\\" + ShortToString(letter);
      else if(letter < ' ')
         out += StringFormat("\\u%04x", letter);
      else
         out += ShortToString(letter);
     }
   return(out + "\"");
  }

//--- one object: every value is checked, the top level's values can be asked for
class CJson
  {
private:
   string            m_text;
   int               m_at;
   int               m_count;
   string            m_error;
   string            m_scalar;
   string            m_keys[JSON_MAX_MEMBERS];
   string            m_values[JSON_MAX_MEMBERS];
   ENUM_JSON_KIND    m_kinds[JSON_MAX_MEMBERS];

   ushort            Next(void) const { return(m_at < StringLen(m_text) ? StringGetCharacter(m_text, m_at) : (ushort)0); }
   bool              Fail(const string what)
     {
      if(StringLen(m_error) == 0)
         m_error = StringFormat("%s at letter %d", what, m_at);
      return(false);
     }
   void              SkipSpace(void)
     {
      while(Next() == ' ' || Next() == '\t' || Next() == '\n' || Next() == '\r')
         m_at++;
     }
   bool              Take(const ushort letter)
     {
      SkipSpace();
      if(Next() != letter)
         return(false);
      m_at++;
      return(true);
     }
   bool              IsDigit(void) const { return(Next() >= '0' && Next() <= '9'); }
   bool              Digits(void)
     {
      if(!IsDigit())
         return(Fail("a digit is missing"));
      while(IsDigit())
         m_at++;
      return(true);
     }
   ENUM_JSON_KIND    Number(void)
     {
      const int begin = m_at;
      if(Next() == '-')
         m_at++;
      const bool zero = (Next() == '0');
      const int first = m_at;
      if(!Digits())
         return(JSON_BROKEN);
      bool fine = !(zero && m_at > first + 1);
      if(Next() == '.')
        {
         m_at++;
         fine = Digits() && fine;
        }
      if(Next() == 'e' || Next() == 'E')
        {
         m_at++;
         if(Next() == '+' || Next() == '-')
            m_at++;
         fine = Digits() && fine;
        }
      m_scalar = StringSubstr(m_text, begin, m_at - begin);
      if(fine && StringLen(m_scalar) <= JSON_MAX_NUMBER)
         return(JSON_NUMBER);
      Fail("not a number");
      return(JSON_BROKEN);
     }
   bool              Hex(int &code)
     {
      code = 0;
      for(int i = 0; i < 4; i++)
        {
         const ushort letter = Next();
         int digit = -1;
         if(letter >= '0' && letter <= '9')
            digit = letter - '0';
         else if(letter >= 'a' && letter <= 'f')
            digit = letter - 'a' + 10;
         else if(letter >= 'A' && letter <= 'F')
            digit = letter - 'A' + 10;
         if(digit < 0)
            return(Fail("four hexadecimal digits are missing"));
         code = code * 16 + digit;
         m_at++;
        }
      return(true);
     }
   bool              Escape(string &out)
     {
      const ushort letter = Next();
      m_at++;
      int code = -1;
      switch(letter)
        {
         case '"':
         case '\\':
         case '/':
            code = letter;
            break;
         case 'b':
            code = 8;
            break;
         case 'f':
            code = 12;
            break;
         case 'n':
            code = 10;
            break;
         case 'r':
            code = 13;
            break;
         case 't':
            code = 9;
            break;
         case 'u':
            if(!Hex(code))
               return(false);
            break;
         default:
            return(Fail("unknown escape"));
        }
      out += ShortToString((ushort)code);
      return(true);
     }
   bool              Text(string &out)
     {
      out = "";
      while(m_at < StringLen(m_text))
        {
         const ushort letter = Next();
         m_at++;
         if(letter == '"')
            return(true);
         if(letter < ' ')
            return(Fail("a control letter in a string"));
         if(letter != '\\')
            out += ShortToString(letter);
         else if(!Escape(out))
            return(false);
        }
      return(Fail("a string does not end"));
     }
   ENUM_JSON_KIND    Word(const string word, const ENUM_JSON_KIND kind)
     {
      if(StringSubstr(m_text, m_at, StringLen(word)) != word)
        {
         Fail("not a value");
         return(JSON_BROKEN);
        }
      m_at += StringLen(word);
      return(kind);
     }
   bool              Items(const int depth)
     {
      if(Take(']'))
         return(true);
      do
        {
         if(Value(depth) == JSON_BROKEN)
            return(false);
        }
      while(Take(','));
      return(Take(']') || Fail("] is missing"));
     }
   ENUM_JSON_KIND    Value(const int depth)
     {
      SkipSpace();
      if(depth > JSON_MAX_DEPTH)
        {
         Fail("nested too deeply");
         return(JSON_BROKEN);
        }
      if(Take('"'))
         return(Text(m_scalar) ? JSON_TEXT : JSON_BROKEN);
      if(Take('{'))
         return(Members(depth + 1) ? JSON_NESTED : JSON_BROKEN);
      if(Take('['))
         return(Items(depth + 1) ? JSON_NESTED : JSON_BROKEN);
      if(Next() == 't')
         return(Word("true", JSON_TRUE));
      if(Next() == 'f')
         return(Word("false", JSON_FALSE));
      if(Next() == 'n')
         return(Word("null", JSON_NULL));
      return(Number());
     }
   bool              Members(const int depth)
     {
      if(Take('}'))
         return(true);
      do
        {
         string key = "";
         if(!Take('"') || !Text(key))
            return(Fail("a name is missing"));
         if(!Take(':'))
            return(Fail(": is missing"));
         const ENUM_JSON_KIND kind = Value(depth);
         if(kind == JSON_BROKEN || (depth == 1 && !Keep(key, kind)))
            return(false);
        }
      while(Take(','));
      return(Take('}') || Fail("} is missing"));
     }
   bool              Keep(const string key, const ENUM_JSON_KIND kind)
     {
      if(Find(key) >= 0)
         return(Fail("a name comes twice"));
      if(m_count >= JSON_MAX_MEMBERS)
         return(Fail("too many members"));
      m_keys[m_count] = key;
      m_values[m_count] = m_scalar;
      m_kinds[m_count] = kind;
      m_count++;
      return(true);
     }
   int               Find(const string key) const
     {
      for(int i = 0; i < m_count; i++)
         if(m_keys[i] == key)
            return(i);
      return(-1);
     }
public:
                     CJson(void) : m_text(""), m_at(0), m_count(0), m_error(""), m_scalar("") {}
   //--- true when text is one whole object and nothing else
   bool              Parse(const string text)
     {
      m_text = text;
      m_at = 0;
      m_count = 0;
      m_error = "";
      m_scalar = "";
      if(StringLen(text) > JSON_MAX_LENGTH)
         return(Fail("longer than allowed"));
      if(!Take('{'))
         return(Fail("not an object"));
      if(!Members(1))
         return(false);
      SkipSpace();
      return(m_at == StringLen(m_text) || Fail("more behind the object"));
     }
   string            Error(void) const { return(m_error); }
   ENUM_JSON_KIND    Kind(const string key) const
     {
      const int at = Find(key);
      return(at < 0 ? JSON_BROKEN : m_kinds[at]);
     }
   bool              Number(const string key, double &value) const
     {
      const int at = Find(key);
      if(at < 0 || m_kinds[at] != JSON_NUMBER)
         return(false);
      value = StringToDouble(m_values[at]);
      return(MathIsValidNumber(value));
     }
   bool              Text(const string key, string &value) const
     {
      const int at = Find(key);
      if(at < 0 || m_kinds[at] != JSON_TEXT)
         return(false);
      value = m_values[at];
      return(true);
     }
   bool              Flag(const string key, bool &value) const
     {
      const int at = Find(key);
      if(at < 0 || (m_kinds[at] != JSON_TRUE && m_kinds[at] != JSON_FALSE))
         return(false);
      value = (m_kinds[at] == JSON_TRUE);
      return(true);
     }
  };

#endif
