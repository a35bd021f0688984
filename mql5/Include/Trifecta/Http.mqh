//+------------------------------------------------------------------+
//| Http.mqh - one request to the sidecar, bounded in time and size  |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_HTTP_MQH
#define TRIFECTA_HTTP_MQH

#include <Trifecta/Clock.mqh>
#include <Trifecta/Json.mqh>

#define HTTP_MAX_TIMEOUT_MS 500

enum ENUM_HTTP_OUTCOME
  {
   HTTP_FINE      = 0, // an answer of 200 to 299
   HTTP_REFUSED   = 1, // any other answer
   HTTP_NO_ANSWER = 2  // none within the time limit
  };

//--- speaks to one sidecar; leaves it alone for a while after it did not answer
class CSidecarHttp
  {
private:
   string            m_base;
   string            m_headers;
   int               m_timeout_ms;
   bool              m_enabled;
   int               m_status;
   string            m_error;
   CBackoff          m_backoff;

   ENUM_HTTP_OUTCOME Judge(const int code, const int error, const string body)
     {
      m_status = code;
      if(code < 100 || code > 599)   // some builds return 1001 or 1003 where the documentation says -1
        {
         m_status = 0;
         m_error = WithoutAnswer(code, error);
         m_backoff.Failed(ClockMs());
         return(HTTP_NO_ANSWER);
        }
      m_backoff.Worked();
      if(code >= 200 && code <= 299)
         return(HTTP_FINE);
      CJson told;
      string reason = "";
      if(told.Parse(body) && told.Text("reason", reason))
         m_error = StringFormat("HTTP %d: %s", code, reason);
      else
         m_error = StringFormat("HTTP %d", code);
      return(HTTP_REFUSED);
     }
   string            WithoutAnswer(const int code, const int error) const
     {
      if(code == -1 && error == ERR_FUNCTION_NOT_ALLOWED)
         return("WebRequest is not allowed: add " + m_base + " under Tools > Options > Expert Advisors");
      switch(error)
        {
         case ERR_WEBREQUEST_INVALID_ADDRESS:
            return("no answer: the address " + m_base + " cannot be used");
         case ERR_WEBREQUEST_CONNECT_FAILED:
            return("no answer: nothing listens at " + m_base);
         case ERR_WEBREQUEST_TIMEOUT:
            return(StringFormat("no answer within %d ms", m_timeout_ms));
        }
      return(StringFormat("no answer (code %d, error %d)", code, error));
     }
   ENUM_HTTP_OUTCOME Send(const string method, const string path, const string headers, const string json, string &body)
     {
      char data[];
      char received[];
      string received_headers = "";
      ArrayResize(data, 0);
      if(StringLen(json) > 0)
         StringToCharArray(json, data, 0, StringLen(json), CP_UTF8);   // ASCII: as many bytes as letters
      ResetLastError();
      m_error = "";
      const int code = WebRequest(method, m_base + path, headers, m_timeout_ms, data, received, received_headers);
      const int error = GetLastError();
      body = "";
      if(ArraySize(received) <= JSON_MAX_LENGTH)
         body = CharArrayToString(received, 0, ArraySize(received), CP_UTF8);
      const ENUM_HTTP_OUTCOME outcome = Judge(code, error, body);
      if(outcome == HTTP_FINE && ArraySize(received) > JSON_MAX_LENGTH)
        {
         m_error = StringFormat("an answer of %d bytes is too long", ArraySize(received));
         return(HTTP_REFUSED);
        }
      return(outcome);
     }
public:
                     CSidecarHttp(void) : m_base(""), m_headers(""), m_timeout_ms(HTTP_MAX_TIMEOUT_MS), m_enabled(false), m_status(0), m_error("") {}
   void              Init(const string base, const string token, const int timeout_ms, const ulong longest_backoff_ms)
     {
      m_base = base;
      m_headers = "Accept: application/json\r\n";
      if(StringLen(token) > 0)
         m_headers += "Authorization: Bearer " + token + "\r\n";
      m_timeout_ms = MathMin(timeout_ms, HTTP_MAX_TIMEOUT_MS);
      m_enabled = (StringLen(base) > 0);
      m_status = 0;
      m_error = "";
      m_backoff.Worked();
      m_backoff.Longest(longest_backoff_ms);
     }
   //--- whether a request may be sent now: never in the Strategy Tester, not while it is left alone
   bool              Ready(void) const { return(m_enabled && MQLInfoInteger(MQL_TESTER) == 0 && !m_backoff.Waits(ClockMs())); }
   ENUM_HTTP_OUTCOME Get(const string path, string &body) { return(Send("GET", path, m_headers, "", body)); }
   ENUM_HTTP_OUTCOME Post(const string path, const string json, string &body)
     {
      return(Send("POST", path, m_headers + "Content-Type: application/json\r\n", json, body));
     }
   int               Status(void) const { return(m_status); }
   string            Error(void) const { return(m_error); }
  };

//--- what is wrong with an address of the sidecar; empty when nothing is
string AddressProblem(const string base)
  {
   if(StringFind(base, "http://") != 0 && StringFind(base, "https://") != 0)
      return("must begin with http:// or https://");
   if(StringGetCharacter(base, StringLen(base) - 1) == '/')
      return("must not end with /");
   for(int i = 0; i < StringLen(base); i++)
      if(StringGetCharacter(base, i) <= ' ' || StringGetCharacter(base, i) > '~')
         return("must not hold spaces or letters outside ASCII");
   return("");
  }

//--- what is wrong with a token; empty when nothing is. A line break in it would be a header of its own.
string TokenProblem(const string token)
  {
   for(int i = 0; i < StringLen(token); i++)
      if(StringGetCharacter(token, i) <= ' ' || StringGetCharacter(token, i) > '~')
         return("must not hold spaces, line breaks or letters outside ASCII");
   return("");
  }

#endif
