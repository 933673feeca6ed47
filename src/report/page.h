// The report's page: style and script around the data that report.cc puts in. Internal to report/.
#ifndef RLVR_REPORT_PAGE_H_
#define RLVR_REPORT_PAGE_H_
namespace rlvr {
extern const char* const kReportPage;  // holds kReportDataMark once
extern const char* const kReportDataMark;
}  // namespace rlvr
#endif  // RLVR_REPORT_PAGE_H_
